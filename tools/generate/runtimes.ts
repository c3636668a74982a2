// Owns docs/reference/runtimes.md: the table of the servers that people bring along. Must not add a row or a word about one.
import { DRAIN_DELAY_SECONDS, RUNTIME_ENV, RUNTIMES } from '@slipway/api';
import type { RuntimeConvention } from '@slipway/api';
import type { Output } from './output.ts';
import { cell, page, table } from './table.ts';

const code = (text: string | number | undefined): string => (text === undefined ? '' : `\`${cell(String(text))}\``);
const entries = (env: Readonly<Record<string, string>> = {}): string => Object.entries(env).map(([name, value]) => code(`${name}=${value}`)).join(' ');
const metrics = ({ metrics: found }: RuntimeConvention): string => (found === undefined ? '' : code(`:${String(found.port)}${found.path}`));

export function runtimeOutputs(): Output[] {
  const rows = Object.entries(RUNTIMES);
  const text = page('api/src/runtimes.ts', [
    '# Runtimes: what a server of your own gets',
    'What `spec.runtime.protocol` fills in where the other fields of [`spec.runtime`](inferenceservice.md) say nothing; a field that is given wins, `args` as a whole. ' +
      '`{name}` is the name of the InferenceService, `{version}` its model version, `{number}` the digits of a version such as `v3`, else the number of the revision, ' +
      '`{package}` the folder of the package. How to use it: [bring your own server](../runtimes.md).',
    table(
      ['protocol', 'server', 'port', 'gRPC', 'ready when this is 200', 'package', 'metrics'],
      rows.map(([protocol, row]) => [code(protocol), row.title, code(row.port), code(row.grpcPort), code(row.readyPath) || 'the port is open', code(row.mountPath), metrics(row)]),
    ),
    '## Arguments, variables and the name of the model',
    `Every server gets ${entries(RUNTIME_ENV)}. Arguments replace the image's own command line, its entry point stays.`,
    table(['protocol', 'arguments', 'variables', 'how callers reach the model by the name of the InferenceService'], rows.map(([protocol, row]) => [code(protocol), (row.args ?? []).map(code).join(' '), entries(row.env), cell(row.naming)])),
    '## Draining',
    `A pod that goes away keeps serving for ${String(DRAIN_DELAY_SECONDS)} s (\`preStop.sleep\`), until every router has seen it. A server that ends what is under way on SIGTERM is told then. One that breaks off ` +
      `is told ${String(DRAIN_DELAY_SECONDS)} s and \`traffic.timeout\` later, when every request has had its time: ${rows.filter(([, { drains }]) => !drains).map(([protocol]) => code(protocol)).join(', ')}.`,
  ]);
  return [{ path: 'docs/reference/runtimes.md', text }];
}
