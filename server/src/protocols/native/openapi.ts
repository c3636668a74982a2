// Owns the OpenAPI 3.1 document: generated from the zod schemas of the API and the models that are loaded. Must not list a path
// that is not served; a test compares it with the routes.
import { z } from 'zod';
import { ERRORS } from '../../inference/errors.ts';
import type { Entry } from '../../models/registry.ts';
import type { ServingSpec } from '../../inference/spec.ts';
import * as schemas from './schemas.ts';

type Json = Record<string, unknown>;

const BODIES: Record<string, { schema: z.ZodType; io: 'input' | 'output' }> = {
  PredictRequest: { schema: schemas.PredictRequest, io: 'input' },
  BatchPredictRequest: { schema: schemas.BatchPredictRequest, io: 'input' },
  PredictResponse: { schema: schemas.PredictResponse, io: 'output' },
  TextResponse: { schema: schemas.TextResponse, io: 'output' },
  BatchPredictResponse: { schema: schemas.BatchPredictResponse, io: 'output' },
  Envelope: { schema: schemas.Envelope, io: 'output' },
  BatchEnvelope: { schema: schemas.BatchEnvelope, io: 'output' },
  ModelListing: { schema: schemas.ModelListing, io: 'output' },
  Health: { schema: schemas.Health, io: 'output' },
  Readiness: { schema: schemas.Readiness, io: 'output' },
  MetricsSummary: { schema: schemas.MetricsSummary, io: 'output' },
  Problem: { schema: schemas.Problem, io: 'output' },
};

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: Json): Json => ({ 'application/json': { schema } });

export function openApiDocument(entries: readonly Entry[]): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Slipway model server, native API',
      version: '1',
      description: 'Every answer carries X-Request-Id, Slipway-Model-Version and, behind an InferenceService, Slipway-Revision. Errors are application/problem+json.',
    },
    paths: paths(entries),
    components: { schemas: components(entries) },
  };
}

function components(entries: readonly Entry[]): Json {
  const made = Object.fromEntries(Object.entries(BODIES).map(([name, body]) => [name, schemaOf(body)]));
  const names = [...new Set(entries.flatMap((entry) => [entry.name, ...entry.aliases]))].sort();
  if (names.length > 0) for (const body of ['PredictRequest', 'BatchPredictRequest']) narrowNames(made[body] as Json, names);
  return made;
}

function schemaOf({ schema, io }: { schema: z.ZodType; io: 'input' | 'output' }): Json {
  const { $schema: _unused, ...rest } = z.toJSONSchema(schema, { io, target: 'draft-2020-12', unrepresentable: 'any' }) as Json;
  return rest;
}

/** The document of a running server knows which models there are. */
function narrowNames(body: Json, names: readonly string[]): void {
  const properties = body['properties'] as Record<string, Json>;
  properties['modelName'] = { ...properties['modelName'], enum: names };
}

function paths(entries: readonly Entry[]): Json {
  const specs = entries.flatMap((entry) => entry.model?.spec ?? []);
  const single = (version: 1 | 2 | undefined): Json => predictOperation(version, specs);
  const batch = (version: 1 | 2 | undefined): Json => batchOperation(version);
  return {
    '/predict': { post: single(undefined) },
    '/v1/predict': { post: single(1) },
    '/v2/predict': { post: single(2) },
    '/batch-predict': { post: batch(undefined) },
    '/v1/batch-predict': { post: batch(1) },
    '/v2/batch-predict': { post: batch(2) },
    '/models': { get: reading('listModels', 'The models and versions served here.', 'ModelListing') },
    '/health': { get: reading('health', 'Whether the process is alive.', 'Health') },
    '/health/ready': { get: { ...reading('ready', 'Whether every model is loaded and warm.', 'Readiness'), responses: { 200: answer('Ready.', ref('Readiness')), 503: answer('Not ready, and why.', ref('Readiness')) } } },
    '/metrics': { get: metricsOperation() },
  };
}

const answer = (description: string, schema: Json): Json => ({ description, content: json(schema) });

function reading(operationId: string, summary: string, schema: string): Json {
  return { operationId, summary, responses: { 200: answer(summary, ref(schema)) } };
}

function metricsOperation(): Json {
  const operation = reading('metrics', 'Counters as JSON, or Prometheus text when Accept names text/plain.', 'MetricsSummary');
  const ok = (operation['responses'] as Record<string, Json>)['200'] as Json;
  return { ...operation, responses: { 200: { ...ok, content: { ...(ok['content'] as Json), 'text/plain': { schema: { type: 'string' } } } } } };
}

const VERSION_PARAMETERS: Json[] = [
  { name: 'version', in: 'query', schema: { enum: ['v1', 'v2'] }, description: 'Version of the API; default v1, or that of your first call (cookie).' },
  { name: 'Accept-Version', in: 'header', schema: { enum: ['v1', 'v2'] } },
];
const MODEL_PARAMETERS: Json[] = [{ name: 'Slipway-Model-Version', in: 'header', schema: { type: 'string' }, description: 'Version of the model, for bodies that name none.' }];

function predictOperation(version: 1 | 2 | undefined, specs: readonly ServingSpec[]): Json {
  const answers = version === 2 ? [ref('Envelope')] : [ref('PredictResponse'), ref('TextResponse'), ...(version === undefined ? [ref('Envelope')] : [])];
  const pictures = Object.fromEntries(['image/png', 'image/jpeg'].map((type) => [type, { schema: { type: 'string', contentMediaType: type } }]));
  const examples = Object.fromEntries(specs.map((spec) => [`${spec.name} ${spec.version}`, { value: exampleOf(spec) }]));
  return {
    operationId: `predict${version === undefined ? '' : `V${String(version)}`}`,
    summary: 'Predicts rows, a text, or a picture.',
    parameters: [...(version === undefined ? VERSION_PARAMETERS : []), ...MODEL_PARAMETERS],
    requestBody: { required: true, content: { 'application/json': { schema: ref('PredictRequest'), examples }, ...pictures } },
    responses: { 200: answer('The prediction.', answers.length === 1 ? (answers[0] as Json) : { anyOf: answers }), ...problems() },
  };
}

function batchOperation(version: 1 | 2 | undefined): Json {
  const answers = [...(version === 2 ? [] : [ref('BatchPredictResponse')]), ...(version === 1 ? [] : [ref('BatchEnvelope')])];
  return {
    operationId: `batchPredict${version === undefined ? '' : `V${String(version)}`}`,
    summary: 'Predicts several items in one call; one bad item fails the call.',
    parameters: [...(version === undefined ? VERSION_PARAMETERS : []), ...MODEL_PARAMETERS],
    requestBody: { required: true, content: json(ref('BatchPredictRequest')) },
    responses: { 200: answer('The predictions, in order.', answers.length === 1 ? (answers[0] as Json) : { anyOf: answers }), ...problems() },
  };
}

/** Every status of the error catalogue. */
function problems(): Json {
  const byStatus = new Map<number, string[]>();
  for (const [code, { status }] of Object.entries(ERRORS)) byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  return Object.fromEntries([...byStatus].map(([status, codes]) => [status, { description: codes.join(', '), content: { 'application/problem+json': { schema: ref('Problem') } } }]));
}

function exampleOf(spec: ServingSpec): Json {
  const target = { modelName: spec.name, modelVersion: spec.version };
  if (spec.takes === 'text') return { ...target, text: 'not bad at all' };
  const rows = (shape: readonly number[]): unknown => {
    const [dim, ...rest] = shape;
    return dim === undefined ? 0 : Array.from({ length: Math.max(1, dim) }, () => rows(rest));
  };
  const small = spec.signature.inputs.every((input) => input.shape.reduce((size, dim) => size * Math.abs(dim), 1) <= 64);
  if (!small) return { ...target, inputs: spec.image === undefined ? '(see /models for the shape)' : { b64: '(a PNG or JPEG)' } };
  const [only, ...others] = spec.signature.inputs;
  const inputs = only !== undefined && others.length === 0 ? rows(only.shape) : Object.fromEntries(spec.signature.inputs.map((input) => [input.name, rows(input.shape)]));
  return { ...target, inputs };
}
