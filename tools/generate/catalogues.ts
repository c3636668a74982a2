// Owns the reference pages of what the parts declare in catalogues of their own: metrics, errors, settings.
// Must not add an entry or a word about one.
import { helpText as operatorHelp } from '../../operator/src/config.ts';
import { METRICS as OPERATOR_METRICS } from '../../operator/src/runtime/metrics.ts';
import { helpText as routerHelp } from '../../router/src/config.ts';
import { CATALOGUE as ROUTER_METRICS } from '../../router/src/metrics/catalogue.ts';
import { PROBLEMS } from '../../router/src/problems.ts';
import { helpText as serverHelp } from '../../server/src/config.ts';
import { DTYPE_SUPPORT } from '../../server/src/inference/dtype-support.ts';
import { ERRORS } from '../../server/src/inference/errors.ts';
import type { ErrorEntry } from '../../server/src/inference/errors.ts';
import { METRICS as SERVER_METRICS } from '../../server/src/metrics/catalogue.ts';
import type { Output } from './output.ts';
import { cell, page, table } from './table.ts';

interface Metric {
  type: string;
  help: string;
  labels: readonly string[];
}

export const catalogueOutputs = (): Output[] => [
  { path: 'docs/reference/metrics.md', text: metricsPage() },
  { path: 'docs/reference/errors.md', text: errorsPage() },
  { path: 'docs/reference/settings.md', text: settingsPage() },
  { path: 'docs/reference/dtypes.md', text: dtypesPage() },
];

function metricsPage(): string {
  return page('the metric catalogues of server, router and operator', [
    '# Metrics',
    'All on the admin port (9090), path `/metrics`. A metric never changes its meaning once it is released.',
    '## Server',
    'Scraped by the ServiceMonitor of each InferenceService, which adds the labels `inferenceservice`, `revision`, `version` and `role`.',
    metricsTable(SERVER_METRICS),
    '## Router',
    'Scraped by the PodMonitor of each namespace. Counts per revision, whatever image serves.',
    metricsTable(ROUTER_METRICS),
    '## Operator',
    "Scraped by the chart's ServiceMonitor.",
    metricsTable(OPERATOR_METRICS),
  ]);
}

const metricsTable = (metrics: Record<string, Metric>): string =>
  table(['metric', 'type', 'labels', 'meaning'], Object.entries(metrics).map(([name, { type, help, labels }]) => [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(', '), cell(help)]));

function errorsPage(): string {
  return page('the error catalogues of server and router', [
    '# Errors',
    'Errors are `application/problem+json`: `{type, title, status, detail, code, requestId, errors: [{path, expected, got}]}`. The detail says what was wrong with this call; `code` is one of these.',
    '## Server',
    table(
      ['code', 'status', 'what it means and what to do', 'Retry-After'],
      Object.entries<ErrorEntry>(ERRORS).map(([code, { status, meaning, retryAfterSeconds }]) => [`\`${code}\``, String(status), cell(meaning), retryAfterSeconds === undefined ? '' : `${String(retryAfterSeconds)} s`]),
    ),
    '## Router',
    'What the router answers itself, without a pod or instead of one. gRPC calls get the gRPC status.',
    table(['code', 'status', 'gRPC status', 'title'], Object.entries(PROBLEMS).map(([code, { status, grpc, title }]) => [`\`${code}\``, String(status), String(grpc), cell(title)])),
  ]);
}

function dtypesPage(): string {
  const row = (format: string, [dtype, { note }]: [string, { note: string }]): string[] => [format, `\`${dtype}\``, cell(note)];
  return page("the server's table of dtypes", [
    '# Dtypes',
    'What inputs and outputs of a model may be, format by format. A model with another dtype is refused when it is loaded (`UnsupportedDType`).',
    table(['format', 'dtype', 'values'], Object.entries(DTYPE_SUPPORT).flatMap(([format, dtypes]) => Object.entries(dtypes).map((entry) => row(format, entry)))),
  ]);
}

function settingsPage(): string {
  const block = (text: string): string => ['```', text.trimEnd(), '```'].join('\n');
  return page('the tables behind --help of server, router and operator', [
    '# Settings',
    'In a cluster the chart and the operator set these; change values or the InferenceService instead. They matter where a part runs alone.',
    '## Server',
    block(serverHelp()),
    '## Router',
    block(routerHelp()),
    '## Operator',
    block(operatorHelp()),
  ]);
}
