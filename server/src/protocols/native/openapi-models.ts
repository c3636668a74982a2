// Owns what the OpenAPI document says of the models that are loaded: for each version a schema of the requests it takes (names, shapes,
// dtypes, the data contract, its own preprocessing) and an example. PURE. Must not know paths or answers.
import type { DType, FeatureContract, TensorSpec } from '@slipway/api';
import { z } from 'zod';
import type { ServingSpec } from '../../inference/spec.ts';
import { layoutOf, sizeOf } from '../../inference/tensor.ts';
import type { Entry } from '../../models/registry.ts';
import { Preprocessing } from './schemas.ts';

export type Json = Record<string, unknown>;

export const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

/** A schema of zod as JSON Schema, without the dialect that the document states once. */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _unused, ...rest } = z.toJSONSchema(schema, { io, target: 'draft-2020-12', unrepresentable: 'any' }) as Json;
  return rest;
}

/** What one version of a model takes. */
export interface ModelRequest {
  /** Name in components: `classifier.v2`. */
  component: string;
  spec: ServingSpec;
  /** One item: inputs or text, and preprocessing. */
  item: Json;
  /** The keys that choose this version. */
  target: Json;
  required: string[];
}

/** What the document tells of a server beside its models. */
export interface Told {
  defaultVersion: (name: string) => string | undefined;
  /** Characters of one text. */
  maxTextLength: number;
}

/** The versions that can be called, in the order of the listing. A name or version that must be said is required. */
export function modelRequests(entries: readonly Entry[], { defaultVersion, maxTextLength }: Told): ModelRequest[] {
  const ready = entries.flatMap((entry) => (entry.model === undefined ? [] : [{ entry, spec: entry.model.spec }]));
  return ready.map(({ entry, spec }) => {
    const rivals = new Set(entries.filter((other) => other.model === undefined || other.model.spec.takes === spec.takes).map((other) => other.name));
    const names = [entry.name, ...entry.aliases];
    const target = { modelName: { enum: names, description: 'Name of the model.' }, modelVersion: { const: entry.version, description: 'Version of the model.' } };
    const required = [...(rivals.size > 1 ? ['modelName'] : []), ...(defaultVersion(entry.name) === entry.version ? [] : ['modelVersion'])];
    return { component: `${safe(entry.name)}.${safe(entry.version)}`, spec, item: itemSchema(spec, maxTextLength), target, required };
  });
}

const safe = (name: string): string => name.replaceAll(/[^A-Za-z0-9.\-_]/g, '_');

function itemSchema(spec: ServingSpec, maxLength: number): Json {
  if (spec.takes === 'text') {
    const text = { type: 'string', maxLength };
    return { properties: { text: { anyOf: [text, { type: 'array', items: text, minItems: 1 }] } }, required: ['text'], not: { required: ['inputs'] } };
  }
  const own = preprocessingSchema(spec);
  return { properties: { inputs: inputsSchema(spec), ...own.properties }, required: ['inputs'], not: { anyOf: [{ required: ['text'] }, ...own.not] } };
}

function inputsSchema(spec: ServingSpec): Json {
  const { inputs } = spec.signature;
  const schemas = inputs.map((input) => tensorSchema(input, spec));
  const byName = { type: 'object', properties: Object.fromEntries(inputs.map((input, at) => [input.name, schemas[at]])), required: inputs.map((input) => input.name), additionalProperties: false };
  const [only, ...others] = schemas;
  if (only === undefined || others.length > 0) return byName;
  const picture = { type: 'object', properties: { b64: { type: 'string', format: 'byte', description: 'A PNG or JPEG.' } }, required: ['b64'], additionalProperties: false };
  return { anyOf: [only, byName, ...(spec.image === undefined ? [] : [picture, { type: 'array', items: picture, minItems: 1 }])] };
}

/** Nested lists; -1 is a list of any length, the first dimension at least one row. */
function tensorSchema(input: TensorSpec, spec: ServingSpec): Json {
  const features = spec.contract?.features ?? [];
  const own = features.find((feature) => feature.name === input.name);
  const positional = own === undefined && features.length > 0 && features.length === input.shape.at(-1) ? features : undefined;
  const element = elementSchema(input.dtype, spec.maxInt64, own);
  const list = (axis: number): Json => {
    const dim = input.shape[axis];
    if (dim === undefined) return element;
    const length = dim < 0 ? { minItems: axis === 0 ? 1 : 0 } : { minItems: dim, maxItems: dim };
    const last = positional !== undefined && axis === input.shape.length - 1;
    if (!last) return { type: 'array', items: list(axis + 1), ...length };
    return { type: 'array', prefixItems: positional.map((feature) => ({ title: feature.name, ...elementSchema(input.dtype, spec.maxInt64, feature) })), items: false, ...length };
  };
  return list(0);
}

/** From here on a number is Infinity as a float32. */
const BEYOND_FLOAT32 = 3.402_823_567_797_336_6e38;

function elementSchema(dtype: DType, maxInt64: number, feature: FeatureContract | undefined): Json {
  const layout = layoutOf(dtype);
  const rules = feature === undefined ? {} : rulesOf(feature);
  switch (layout.kind) {
    case 'string':
      return { type: 'string', ...rules };
    case 'bool':
      return { enum: [true, false, 0, 1] };
    case 'integer': {
      const [min, max] = layout.bytes === 8 ? [Math.max(layout.min ?? 0, -maxInt64 - 1), Math.min(layout.max ?? 0, maxInt64)] : [layout.min, layout.max];
      return { type: 'integer', minimum: min, maximum: max, ...rules };
    }
    case 'float':
      return dtype === 'float64' ? { type: 'number', ...rules } : { type: 'number', exclusiveMinimum: -BEYOND_FLOAT32, exclusiveMaximum: BEYOND_FLOAT32, ...rules };
  }
}

function rulesOf({ type, min, max, enum: values, nullable }: FeatureContract): Json {
  if (values !== undefined) return { enum: nullable ? [...values, null] : values };
  if (type === 'boolean') return { enum: nullable ? [0, 1, null] : [0, 1] };
  const kind = type === 'integer' ? 'integer' : 'number';
  const numeric = type === 'string' ? {} : { type: nullable ? [kind, 'null'] : kind };
  return { ...numeric, ...(min === undefined ? {} : { minimum: min }), ...(max === undefined ? {} : { maximum: max }) };
}

/** mean and std are one number, or one for each place of the last axis; only float inputs take any. */
function preprocessingSchema(spec: ServingSpec): { properties: Json; not: Json[] } {
  if (!spec.signature.inputs.some((input) => layoutOf(input.dtype).kind === 'float')) return { properties: {}, not: [{ required: ['preprocessing'] }] };
  const schema = jsonSchemaOf(Preprocessing, 'input');
  const widths = new Set([1, ...spec.signature.inputs.map((input) => input.shape.at(-1) ?? 1).filter((width) => width > 0)]);
  const properties = schema['properties'] as Record<string, Json>;
  for (const key of ['mean', 'std']) {
    const [number] = properties[key]?.['anyOf'] as [Json];
    properties[key] = { anyOf: [number, ...[...widths].map((width) => ({ type: 'array', items: number, minItems: width, maxItems: width }))] };
  }
  return { properties: { preprocessing: schema }, not: [] };
}

/** Elements of an example that one still wants to read. */
const READABLE = 64;

/** A request that the model answers; undefined where it would be too long to read. */
export function exampleOf({ spec, required }: Pick<ModelRequest, 'spec' | 'required'>): Json | undefined {
  const target = { modelName: spec.name, ...(required.includes('modelVersion') ? { modelVersion: spec.version } : {}) };
  if (spec.takes === 'text') return { ...target, text: 'not bad at all' };
  const { inputs } = spec.signature;
  if (inputs.some((input) => sizeOf(input.shape.map((dim) => Math.abs(dim))) > READABLE)) return undefined;
  const [only, ...others] = inputs;
  const value = only !== undefined && others.length === 0 ? rows(only) : Object.fromEntries(inputs.map((input) => [input.name, rows(input)]));
  return { ...target, inputs: value };
}

function rows({ dtype, shape }: TensorSpec): unknown {
  const element = dtype === 'string' ? 'text' : dtype === 'bool' ? true : 1;
  const list = ([dim, ...rest]: readonly number[]): unknown => (dim === undefined ? element : Array.from({ length: Math.max(1, dim) }, () => list(rest)));
  return list(shape);
}
