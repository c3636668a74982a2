// Owns the way from a zod schema to a Kubernetes structural schema. Pure. Must not know any kind of ours.
// It refuses, with the path of the field, whatever an API server would refuse or could not bound: better here than at install.
import { z } from 'zod';
import type { KubeMeta } from './meta.ts';

export type Json = Record<string, unknown>;
/** What z.toJSONSchema gives for one schema, with our metadata under `kube`. */
type Source = Json & { kube?: KubeMeta };

/** Bounds: every text, list and map of a spec needs one, so that CEL costs can be estimated; a status is written by us only. */
export interface StructuralOptions {
  bounded: boolean;
}

export class SchemaError extends Error {
  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`);
    this.name = 'SchemaError';
  }
}

const SAFE_INTEGER = Number.MAX_SAFE_INTEGER;
/** Keywords that mean the same in both worlds. */
const SHARED = ['default', 'minLength', 'maxLength', 'pattern', 'minItems', 'maxItems'] as const;
const KNOWN = new Set<string>([...SHARED, '$schema', 'type', 'description', 'enum', 'const', 'minimum', 'maximum', 'properties', 'required', 'additionalProperties', 'propertyNames', 'items', 'anyOf', 'kube', 'format']);

/** Structural schema of `schema` as a client may write it: defaults make fields optional. Throws SchemaError. */
export function structuralSchema(schema: z.ZodType, path: string, options: StructuralOptions): Json {
  const source = z.toJSONSchema(schema, { io: 'input', target: 'draft-7', unrepresentable: 'throw' }) as Source;
  return node(source, path, options);
}

function node(source: Source, path: string, options: StructuralOptions): Json {
  for (const key of Object.keys(source)) if (!KNOWN.has(key)) throw new SchemaError(path, `${key} has no counterpart in a structural schema`);
  const body = source.kube?.intOrString === true ? intOrString(source, path) : typed(source, path, options);
  return {
    ...description(source, path),
    ...body,
    ...shared(source, path),
    ...extensions(source, path),
  };
}

function typed(source: Source, path: string, options: StructuralOptions): Json {
  if (source['const'] !== undefined) return { type: 'string', enum: [source['const']] };
  switch (source['type']) {
    case 'object':
      return { type: 'object', ...objectBody(source, path, options) };
    case 'array':
      return { type: 'array', items: arrayItems(source, path, options) };
    case 'string':
      return textBody(source, path, options);
    case 'integer':
      return { type: 'integer', ...integerBounds(source) };
    case 'boolean':
      return { type: 'boolean' };
    default:
      throw new SchemaError(path, `type ${JSON.stringify(source['type'] ?? source['anyOf'])} is outside the subset; use int, string, boolean, enum, object, array or record`);
  }
}

function description(source: Source, path: string): Json {
  // List items and map values may be described by what holds them.
  if (source['description'] === undefined && !path.endsWith(']')) throw new SchemaError(path, 'has no description');
  return source['description'] === undefined ? {} : { description: source['description'] };
}

function shared(source: Source, path: string): Json {
  const pattern = source['pattern'] ?? source.kube?.pattern;
  if (typeof pattern === 'string' && /\(\?[=!<]|\\[1-9]|\\[pP]\{/.test(pattern)) throw new SchemaError(path, `pattern ${pattern} uses what RE2 does not know`);
  const given = Object.fromEntries(SHARED.filter((key) => source[key] !== undefined).map((key) => [key, key === 'default' ? filled(source[key], source) : source[key]]));
  const { maxLength, maxProperties } = source.kube ?? {};
  return { ...given, ...(pattern === undefined ? {} : { pattern }), ...(maxLength === undefined ? {} : { maxLength }), ...(maxProperties === undefined ? {} : { maxProperties }) };
}

/** An API server checks CEL rules against a default as it is written, before nested defaults are put in: so write it whole. */
function filled(value: unknown, source: Source): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const given = value as Json;
  const children = Object.entries((source['properties'] ?? {}) as Record<string, Source>);
  const nested = children
    .map(([name, child]) => [name, filled(given[name] ?? child['default'], child)] as const)
    .filter(([, child]) => child !== undefined);
  return { ...given, ...Object.fromEntries(nested) };
}

function intOrString(source: Source, path: string): Json {
  const types = Array.isArray(source['type']) ? source['type'] : ((source['anyOf'] as Source[] | undefined) ?? []).map((part) => part['type']);
  if (!(types.length === 2 && types.includes('integer') && types.includes('string'))) throw new SchemaError(path, 'intOrString needs z.union([z.int(), z.string()])');
  return { anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true };
}

function integerBounds(source: Source): Json {
  const { minimum, maximum } = source as { minimum?: number; maximum?: number };
  return {
    format: maximum !== undefined && maximum < 2 ** 31 ? 'int32' : 'int64',
    ...(minimum === undefined || minimum <= -SAFE_INTEGER ? {} : { minimum }),
    ...(maximum === undefined || maximum >= SAFE_INTEGER ? {} : { maximum }),
  };
}

function textBody(source: Source, path: string, { bounded }: StructuralOptions): Json {
  if (source['enum'] !== undefined) return { type: 'string', enum: source['enum'] };
  if (bounded && source['maxLength'] === undefined) throw new SchemaError(path, 'has no maximal length');
  return { type: 'string' };
}

function objectBody(source: Source, path: string, options: StructuralOptions): Json {
  const extra = source['additionalProperties'];
  const properties = Object.entries((source['properties'] ?? {}) as Record<string, Source>);
  const loose = isLoose(extra);
  if (extra !== undefined && extra !== false && !loose) return { additionalProperties: mapValues(source, path, options) };
  const required = (source['required'] ?? []) as string[];
  return {
    ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties.map(([name, child]) => [name, node(child, `${path}.${name}`, options)])) }),
    ...(required.length === 0 ? {} : { required }),
    ...(loose ? { 'x-kubernetes-preserve-unknown-fields': true } : {}),
  };
}

const isLoose = (extra: unknown): boolean => typeof extra === 'object' && extra !== null && Object.keys(extra).length === 0;

function mapValues(source: Source, path: string, options: StructuralOptions): Json {
  if (options.bounded && source.kube?.maxProperties === undefined) throw new SchemaError(path, 'is a map without maxProperties');
  return node(source['additionalProperties'] as Source, `${path}[*]`, options);
}

function arrayItems(source: Source, path: string, options: StructuralOptions): Json {
  const items = source['items'] as Source | undefined;
  if (items === undefined || Array.isArray(items)) throw new SchemaError(path, 'tuples have no counterpart in a structural schema');
  if (options.bounded && source['maxItems'] === undefined) throw new SchemaError(path, 'has no maximal number of items');
  return node(items, `${path}[]`, options);
}

function extensions(source: Source, path: string): Json {
  const { cel = [], listType, listMapKeys, mapType } = source.kube ?? {};
  checkList(source, path);
  for (const rule of cel) checkRule(rule, path);
  const found = {
    'x-kubernetes-list-type': listType,
    'x-kubernetes-list-map-keys': listMapKeys,
    'x-kubernetes-map-type': mapType,
    'x-kubernetes-validations': cel.length === 0 ? undefined : cel,
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

function checkList(source: Source, path: string): void {
  const { listType, listMapKeys } = source.kube ?? {};
  if (source['type'] === 'array' && listType === undefined) throw new SchemaError(path, 'is a list without listType');
  if (listType === 'map') checkKeys(source, path, listMapKeys ?? []);
}

function checkKeys(source: Source, path: string, keys: string[]): void {
  const items = source['items'] as { properties?: Record<string, Source>; required?: string[] };
  if (keys.length === 0) throw new SchemaError(path, 'listType map needs listMapKeys');
  for (const key of keys) {
    const present = items.properties?.[key];
    if (present === undefined) throw new SchemaError(path, `list map key ${key} is no field of the items`);
    if (!(items.required ?? []).includes(key) && present['default'] === undefined) throw new SchemaError(path, `list map key ${key} must be required or have a default`);
  }
}

function checkRule({ rule, message }: { rule: string; message: string }, path: string): void {
  if (rule.trim() === '' || message.trim() === '') throw new SchemaError(path, 'a CEL rule needs a rule and a message');
  if (message.includes('\n') || rule.includes('\n') || message.length > 2048) throw new SchemaError(path, 'rule and message of a CEL rule are one line each, the message at most 2048 characters');
}
