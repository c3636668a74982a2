// The public Python clients: which scripts there are, how one is run, and the models that they call. What a check does is in its script;
// must not know what is listening (a server, or a router before several).
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { ensureEnvironment, type EnvironmentName } from '../../../tools/clients/environments.ts';
import { attribute, writeSavedModel } from '../../server/support/saved-model.ts';
import { MODELS } from '../../server/support/server.ts';

const SCRIPTS = path.join(import.meta.dirname, '../python');
export const TIMEOUT_MS = 300_000;

export interface Client {
  client: string;
  script: string;
  environment: EnvironmentName;
  dialect: 'tfserving' | 'kserve';
}

export const CLIENTS: readonly Client[] = [
  { client: 'tritonclient over HTTP', script: 'triton_http.py', environment: 'open-inference', dialect: 'tfserving' },
  { client: 'tritonclient over gRPC', script: 'triton_grpc.py', environment: 'open-inference', dialect: 'tfserving' },
  { client: 'tritonclient with asyncio', script: 'triton_aio.py', environment: 'open-inference', dialect: 'tfserving' },
  { client: 'the KServe client', script: 'kserve_client.py', environment: 'open-inference', dialect: 'kserve' },
  { client: 'tensorflow-serving-api', script: 'tfserving.py', environment: 'tfserving', dialect: 'tfserving' },
];

/** The model of Triton's own examples: two int32 inputs, their sum and their difference. */
function writeSimple(at: string): void {
  const input = (name: string): { name: string; op: string; attributes: Record<string, Uint8Array> } => ({ name, op: 'Placeholder', attributes: { dtype: attribute.type('int32'), shape: attribute.shape([-1, 16]) } });
  const T = { T: attribute.type('int32') };
  const end = (name: string, node: string) => ({ name, node: `${node}:0`, dtype: 'int32' as const, shape: [-1, 16] });
  writeSavedModel(at, {
    nodes: [input('a'), input('b'), { name: 'sum', op: 'AddV2', inputs: ['a', 'b'], attributes: T }, { name: 'difference', op: 'Sub', inputs: ['a', 'b'], attributes: T }],
    inputs: [end('INPUT0', 'a'), end('INPUT1', 'b')],
    outputs: [end('OUTPUT0', 'sum'), end('OUTPUT1', 'difference')],
  });
}

/** Writes the models that the scripts call into a folder; the samples in these versions, `simple` in the first of them. */
export async function writeModels(at: string, versions: readonly [string, ...string[]]): Promise<void> {
  await mkdir(at, { recursive: true });
  for (const model of ['classifier', 'sentiment']) for (const version of versions) await cp(path.join(MODELS, model, `v${version}`), path.join(at, model, `v${version}`), { recursive: true });
  writeSimple(path.join(at, 'simple', versions[0]));
}

/** One line of a script. */
export interface Result {
  name: string;
  ok: boolean;
  error?: string;
}

/** Runs a script against a port of this machine. `more`: the arguments of harness.py behind the host. */
export async function runScript({ script, environment }: Client, port: number, more: readonly string[] = []): Promise<Result[]> {
  const { directory } = await ensureEnvironment(environment, { note: () => undefined });
  const env = { PATH: process.env['PATH'] ?? '', PYTHONPATH: directory, PYTHONDONTWRITEBYTECODE: '1', PYTHONNOUSERSITE: '1', no_proxy: '*' };
  const { stdout } = await promisify(execFile)('python3', [path.join(SCRIPTS, script), `127.0.0.1:${String(port)}`, ...more], { env, timeout: TIMEOUT_MS });
  return stdout.trim().split('\n').map((line) => JSON.parse(line) as Result);
}

/** The checks that the last line of a script names, so that none can be left out. */
export function checksOf({ script }: Client, kind: 'checks' | 'split' = 'checks'): string[] {
  const [, checks = '', split = ''] = /^run\(\[(.*?)\], of_split=\[(.*)\]\)$/m.exec(readFileSync(path.join(SCRIPTS, script), 'utf8')) ?? [];
  return (kind === 'checks' ? checks : split).split(', ').map((name) => name.replaceAll('_', ' '));
}
