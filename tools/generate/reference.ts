// Owns docs/reference/inferenceservice.md: fields, conditions, reasons and commands, all read from where they are defined.
// Must not say anything that is not in the schemas or catalogues.
import { CONDITION_MEANINGS, CONDITION_TYPES, REASONS } from '@slipway/api';
import type { ReasonEntry } from '@slipway/api';
import { inferenceServiceCrd } from '@slipway/api/crd';
import { COMMANDS } from './commands.ts';
import type { Output } from './output.ts';
import { page, table } from './table.ts';

interface Schema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  required?: string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-validations'?: { message: string }[];
}

interface Crd {
  spec: { names: { shortNames: string[] }; versions: { additionalPrinterColumns: { name: string; description?: string; priority?: number }[]; schema: { openAPIV3Schema: Schema } }[] };
}

export function referenceOutputs(): Output[] {
  const crd = inferenceServiceCrd() as unknown as Crd;
  const [version] = crd.spec.versions;
  if (version === undefined) throw new Error('the CRD has no version');
  const root = version.schema.openAPIV3Schema;
  const { spec = {}, status = {} } = root.properties ?? {};
  const text = page('the zod schemas in api/src', [
    '# InferenceService',
    `${root.description ?? ''} \`serving.slipway.dev/v1alpha1\`, short names ${crd.spec.names.shortNames.map((name) => `\`${name}\``).join(' and ')}. A field marked * is required.`,
    list(rulesOf(root)),
    '## spec',
    fieldsTable('spec', spec),
    '### Rules',
    'What the API server refuses, in its own words:',
    list(allRules('spec', spec)),
    '## Columns of kubectl get',
    table(['column', 'shows'], version.additionalPrinterColumns.map(({ name, description, priority }) => [priority === 1 ? `${name} (wide)` : name, description ?? ''])),
    '## Conditions',
    table(['condition', 'True means'], CONDITION_TYPES.map((type) => [type, CONDITION_MEANINGS[type]])),
    '## Reasons',
    'The REASON column and the conditions name the first blocking cause, one of these. Those marked † wait for a human.',
    table(['reason', 'what it means and what to do'], Object.entries<ReasonEntry>(REASONS).map(([reason, { advice, stalls }]) => [stalls === true ? `${reason} †` : reason, advice])),
    '## Commands',
    'Each is a plain kubectl line. Promote, abort and retry name the revision that you saw, so that a late command never hits another one; repeating one is harmless, and `status.rollout.lastCommand` tells what became of it.',
    ...COMMANDS.map(({ title, line, note }) => [`${title}:`, '```sh', line, '```', ...(note === undefined ? [] : [note])].join('\n')),
    '## status',
    fieldsTable('status', status),
  ]);
  return [{ path: 'docs/reference/inferenceservice.md', text }];
}

function fieldsTable(name: string, schema: Schema): string {
  return table(['field', 'type', 'default', 'description'], rowsOf(name, schema));
}

/** One row per field, depth first; what it holds is told on the way. */
function rowsOf(path: string, schema: Schema): string[][] {
  const held = schema.items ?? schema.additionalProperties ?? schema;
  return Object.entries(held.properties ?? {}).flatMap(([name, child]) => {
    const own = `${path}.${name}`;
    const star = held.required?.includes(name) === true ? '*' : '';
    const row = [`\`${own}\`${star}`, typeOf(child), defaultOf(child), child.description ?? ''];
    return [row, ...rowsOf(child.items === undefined ? own : `${own}[]`, child)];
  });
}

function typeOf(schema: Schema): string {
  if (schema['x-kubernetes-int-or-string'] === true) return 'integer or string';
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(' \\| ');
  if (schema.items !== undefined) return `list of ${typeOf(schema.items)}`;
  if (schema.additionalProperties !== undefined) return `map to ${typeOf(schema.additionalProperties)}`;
  return schema.type ?? '';
}

function defaultOf(schema: Schema): string {
  return schema.default === undefined || typeof schema.default === 'object' ? '' : `\`${JSON.stringify(schema.default)}\``;
}

function allRules(path: string, schema: Schema): string[] {
  const own = rulesOf(schema).map((message) => `\`${path}\`: ${message}`);
  const children = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => allRules(`${path}.${name}`, child));
  const items = schema.items === undefined ? [] : allRules(`${path}[]`, schema.items);
  return [...own, ...children, ...items];
}

const rulesOf = (schema: Schema): string[] => (schema['x-kubernetes-validations'] ?? []).map(({ message }) => message);
const list = (items: string[]): string => items.map((item) => `- ${item}`).join('\n');
