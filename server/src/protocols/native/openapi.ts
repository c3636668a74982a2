// Owns the OpenAPI 3.1 document: generated from the zod schemas of the API and the models that are loaded. Must not list a path
// that is not served; a test compares it with the routes.
import type { z } from 'zod';
import { ERRORS, type ErrorCode } from '../../inference/errors.ts';
import { DTYPES } from '@slipway/api';
import type { Entry } from '../../models/registry.ts';
import { exampleOf, jsonSchemaOf, modelRequests, ref, type Json, type ModelRequest, type Told } from './openapi-models.ts';
import * as schemas from './schemas.ts';

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

const json = (schema: Json): Json => ({ 'application/json': { schema } });

/** @param defaultVersion of a model by name: what answers a call that says none */
export function openApiDocument(entries: readonly Entry[], told: Told): Json {
  const models = modelRequests(entries, told);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Slipway model server, native API',
      version: '1',
      description: 'Every answer carries X-Request-Id, Slipway-Model-Version and, behind an InferenceService, Slipway-Revision. Errors are application/problem+json.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [{ name: 'Predict', description: 'Rows, texts, pictures and raw tensors.' }, { name: 'Server', description: 'What is served, and how it is.' }],
    paths: paths(models),
    components: { schemas: components(models), headers: HEADERS },
  };
}

function components(models: readonly ModelRequest[]): Json {
  const made = Object.fromEntries(Object.entries(BODIES).map(([name, { schema, io }]) => [name, jsonSchemaOf(schema, io)]));
  if (models.length === 0) return made;
  const [predict, batch] = [made['PredictRequest'] as Json, made['BatchPredictRequest'] as Json];
  for (const { component, item, target, required, spec } of models) {
    const title = `${spec.name} ${spec.version}`;
    made[component] = { title, type: 'object', ...item, properties: { ...target, ...(item['properties'] as Json) }, required: [...required, ...(item['required'] as string[])] };
    const { properties } = batch as { properties: Json };
    const list = { type: 'array', items: { type: 'object', ...item }, minItems: 1 };
    made[`${component}.batch`] = { title, type: 'object', properties: { ...target, maxBatchSize: properties['maxBatchSize'], batch: list }, required: [...required, 'batch'] };
  }
  const oneOf = (suffix: string, { description }: Json): Json => ({ ...(description === undefined ? {} : { description }), anyOf: models.map(({ component }) => ref(`${component}${suffix}`)) });
  return { ...made, PredictRequest: oneOf('', predict), BatchPredictRequest: oneOf('.batch', batch) };
}

function paths(models: readonly ModelRequest[]): Json {
  return {
    '/predict': { post: predictOperation(undefined, models) },
    '/v1/predict': { post: predictOperation(1, models) },
    '/v2/predict': { post: predictOperation(2, models) },
    '/batch-predict': { post: batchOperation(undefined, models) },
    '/v1/batch-predict': { post: batchOperation(1, models) },
    '/v2/batch-predict': { post: batchOperation(2, models) },
    '/models': { get: reading('listModels', 'The models and versions served here.', json(ref('ModelListing'))) },
    '/health': { get: reading('health', 'Whether the process is alive.', json(ref('Health'))) },
    '/health/ready': { get: { ...reading('ready', 'Whether every model is loaded and warm.', json(ref('Readiness'))), responses: { 200: answer('Ready.', json(ref('Readiness'))), 503: answer('Not ready, and why.', json(ref('Readiness'))) } } },
    '/metrics': { get: reading('metrics', 'Counters as JSON, or Prometheus text when Accept names text/plain.', { ...json(ref('MetricsSummary')), 'text/plain': { schema: { type: 'string' } } }) },
    '/openapi.json': { get: reading('openapi', 'This document.', json({ type: 'object' })) },
    '/docs': { get: reading('docs', 'A page to read this document and try every call.', { 'text/html': { schema: { type: 'string' } } }) },
  };
}

const text = (description: string): Json => ({ schema: { type: 'string' }, description });

const HEADERS: Record<string, Json> = {
  'X-Request-Id': text('Yours if you sent one of at most 128 printable characters, else a new one.'),
  'Slipway-Model-Version': text('The version that answered.'),
  'Slipway-Revision': text('The revision of the InferenceService, where there is one.'),
  'Retry-After': { schema: { type: 'integer', minimum: 0 }, description: 'Seconds after which the same call may succeed.' },
  'Slipway-Tensor-Name': text('Raw answers: the output, percent-encoded.'),
  'Slipway-Tensor-Dtype': { schema: { enum: DTYPES }, description: 'Raw answers: its dtype.' },
  'Slipway-Tensor-Shape': text('Raw answers: its dimensions, such as 2,3.'),
};
const headers = (...names: string[]): Json => Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
const COMMON = ['X-Request-Id', 'Slipway-Revision'];

const answer = (description: string, content: Json): Json => ({ description, headers: headers(...COMMON), content });

function reading(operationId: string, summary: string, content: Json): Json {
  return { operationId, summary, tags: ['Server'], responses: { 200: answer(summary, content), ...problems(['malformed_request', 'draining', 'internal_error']) } };
}

const parameter = (name: string, where: 'query' | 'header', description: string, schema: Json = { type: 'string' }): Json => ({ name, in: where, schema, description });

const API_VERSION = { enum: ['v1', 'v2'] };
const VERSION_PARAMETERS: Json[] = [
  parameter('version', 'query', 'Version of the API; default v1, or that of your first call (cookie).', API_VERSION),
  parameter('Accept-Version', 'header', 'The same as a header.', API_VERSION),
];
const MODEL_PARAMETERS: Json[] = [
  parameter('Slipway-Model-Version', 'header', 'Version of the model, for bodies that name none.'),
  parameter('X-Request-Id', 'header', 'Comes back with the answer.'),
];
const RAW_PARAMETERS: Json[] = [
  parameter('modelName', 'query', 'Model, for bodies that are no JSON.'),
  parameter('modelVersion', 'query', 'Version of the model, for bodies that are no JSON.'),
  parameter('shape', 'query', 'Dimensions of raw bytes, such as 2,5; without it the rows follow from the length.'),
  parameter('dtype', 'query', 'Dtype of raw bytes; without it the model\'s own.'),
];

const versioned = (name: string, version: 1 | 2 | undefined): Json => ({ operationId: `${name}${version === undefined ? '' : `V${String(version)}`}`, tags: ['Predict'] });
const anyOf = (names: readonly string[]): Json => (names.length === 1 ? ref(names[0] as string) : { anyOf: names.map(ref) });
const BINARY_TYPES = ['image/png', 'image/jpeg', 'application/octet-stream'];

function predictOperation(version: 1 | 2 | undefined, models: readonly ModelRequest[]): Json {
  const answers = version === 2 ? ['Envelope'] : ['PredictResponse', 'TextResponse', ...(version === undefined ? ['Envelope'] : [])];
  const binary = Object.fromEntries(BINARY_TYPES.map((type) => [type, { schema: { type: 'string', contentMediaType: type } }]));
  const examples = Object.fromEntries(models.flatMap((model) => { const value = exampleOf(model); return value === undefined ? [] : [[model.component, { value }]]; }));
  const ok = { ...json(anyOf(answers)), 'application/octet-stream': { schema: { type: 'string', contentMediaType: 'application/octet-stream' } } };
  const names = ['Slipway-Model-Version', 'Slipway-Tensor-Name', 'Slipway-Tensor-Dtype', 'Slipway-Tensor-Shape'];
  return {
    ...versioned('predict', version),
    summary: 'Predicts rows, texts, a picture or a raw tensor.',
    description: 'With Accept: application/octet-stream the answer is the model\'s only output as raw bytes, little-endian and row-major.',
    parameters: [...(version === undefined ? VERSION_PARAMETERS : []), ...MODEL_PARAMETERS, ...RAW_PARAMETERS],
    requestBody: { required: true, content: { 'application/json': { schema: ref('PredictRequest'), examples }, ...binary } },
    responses: { 200: { description: 'The prediction.', headers: headers(...COMMON, ...names), content: ok }, ...problems(PREDICTING) },
  };
}

function batchOperation(version: 1 | 2 | undefined, models: readonly ModelRequest[]): Json {
  const answers = [...(version === 2 ? [] : ['BatchPredictResponse']), ...(version === 1 ? [] : ['BatchEnvelope'])];
  const examples = Object.fromEntries(models.flatMap((model) => {
    const { modelName, modelVersion, ...item } = exampleOf(model) ?? {};
    return modelName === undefined ? [] : [[model.component, { value: { modelName, ...(modelVersion === undefined ? {} : { modelVersion }), batch: [item, item] } }]];
  }));
  return {
    ...versioned('batchPredict', version),
    summary: 'Predicts several items in one call; one bad item fails the call.',
    parameters: [...(version === undefined ? VERSION_PARAMETERS : []), ...MODEL_PARAMETERS],
    requestBody: { required: true, content: { 'application/json': { schema: ref('BatchPredictRequest'), examples } } },
    responses: { 200: { description: 'The predictions, in order.', headers: headers(...COMMON, 'Slipway-Model-Version'), content: json(anyOf(answers)) }, ...problems(PREDICTING) },
  };
}

const ELSEWHERE: readonly ErrorCode[] = ['unauthorized', 'management_disabled', 'not_found', 'method_not_allowed', 'model_conflict', 'client_closed_request'];
/** What a prediction may fail with. */
const PREDICTING = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => !ELSEWHERE.includes(code));

/** The statuses of some codes of the catalogue. */
function problems(codes: readonly ErrorCode[]): Json {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) byStatus.set(ERRORS[code].status, [...(byStatus.get(ERRORS[code].status) ?? []), code]);
  const retried = (of: readonly ErrorCode[]): string[] => (of.some((code) => 'retryAfterSeconds' in ERRORS[code]) ? ['Retry-After'] : []);
  return Object.fromEntries([...byStatus].map(([status, of]) => [status, { description: of.join(', '), headers: headers(...COMMON, ...retried(of)), content: { 'application/problem+json': { schema: ref('Problem') } } }]));
}
