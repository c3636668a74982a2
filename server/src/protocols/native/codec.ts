// Owns the native API's bodies <-> calls and results. PURE: no Fastify, no clock. Two versions of the answer, one of the request.
import type { z } from 'zod';
import { InferenceError, type Issue } from '../../inference/errors.ts';
import type { Prediction } from '../../inference/postprocess.ts';
import type { Call, CallResult, Item, ItemResult } from '../../pipeline/call.ts';
import { completeItem, placeOf, printItem } from '../../pipeline/postprocess.ts';
import { BatchPredictRequest, PredictRequest } from './schemas.ts';

export type ApiVersion = 1 | 2;

/** What the request says outside its body. */
export interface Outside {
  /** Header Slipway-Model-Version, for callers whose body names none. */
  modelVersion: string | undefined;
  modelName: string | undefined;
  apiVersion: ApiVersion;
}

/** @throws InferenceError malformed_request, invalid_input */
export function decodePredict(body: unknown, outside: Outside): Call {
  const request = check(PredictRequest, body);
  return { ...target(request, outside), items: [itemOf(request, '')], maxBatchSize: undefined };
}

/** @throws InferenceError malformed_request, invalid_input */
export function decodeBatch(body: unknown, outside: Outside): Call {
  const request = check(BatchPredictRequest, body);
  const items = request.batch.map((item, index) => itemOf(item, `batch[${String(index)}].`));
  const texts = items.filter((item) => item.text !== undefined).length;
  if (texts > 0 && texts < items.length) throw new InferenceError('invalid_input', 'batch mixes texts and tensors; one model takes one or the other.');
  return { ...target(request, outside), items, maxBatchSize: request.maxBatchSize };
}

function target(request: { modelName?: string | undefined; modelVersion?: string | undefined }, outside: Outside): Pick<Call, 'modelName' | 'modelVersion' | 'extras'> {
  return { modelName: request.modelName ?? outside.modelName, modelVersion: request.modelVersion ?? outside.modelVersion, extras: outside.apiVersion === 2 };
}

function itemOf(item: z.output<typeof PredictRequest>, prefix: string): Item {
  if ((item.inputs === undefined) === (item.text === undefined)) {
    const got = item.inputs === undefined ? 'neither' : 'both';
    throw new InferenceError('invalid_input', `${prefix}inputs or ${prefix}text is needed, and not both.`, { errors: [{ path: `${prefix}inputs`, expected: 'inputs or text', got }] });
  }
  const { preprocessing } = item;
  const steps = preprocessing === undefined ? {} : { preprocessing: Object.fromEntries(Object.entries(preprocessing).filter(([, value]) => value !== undefined)) };
  return item.text === undefined ? { inputs: item.inputs, ...steps } : { text: item.text };
}

function check<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const errors: Issue[] = parsed.error.issues.slice(0, 20).map((issue) => ({
    path: pathText(issue.path) || 'body',
    expected: issue.message,
    got: pathText(issue.path) === '' ? kindOf(body) : 'something else',
  }));
  const [first] = errors;
  throw new InferenceError('malformed_request', `${first?.path ?? 'body'}: ${first?.expected ?? 'not as expected'}`, { errors });
}

const pathText = (path: readonly PropertyKey[]): string => path.map((part, index) => (typeof part === 'number' ? `[${String(part)}]` : `${index === 0 ? '' : '.'}${String(part)}`)).join('');
const kindOf = (body: unknown): string => (body === null ? 'null' : Array.isArray(body) ? 'list' : typeof body);

/** What an answer carries beside the result. */
export interface Answer {
  requestId: string;
  revision: string | undefined;
}

export function encodePredict(result: CallResult, version: ApiVersion, answer: Answer): unknown {
  const [only] = result.results;
  if (only === undefined) throw new RangeError('a call has at least one item');
  return version === 1 ? encodeItem(only, result) : encodeEnvelope(only, result, answer);
}

export function encodeBatch(result: CallResult, version: ApiVersion, answer: Answer): unknown {
  return { results: result.results.map((item) => (version === 1 ? encodeItem(item, result) : encodeEnvelope(item, result, answer))) };
}

/** An answer of large items as text: to the byte what JSON makes of encodePredict and encodeBatch. @throws InferenceError inference_failed */
export function printAnswer(kind: 'predict' | 'batch-predict', result: CallResult, version: ApiVersion, answer: Answer): string {
  const texts = result.results.map((item, index) => itemText(item, { result, version, answer, place: placeOf(index, result.results.length) }));
  return kind === 'predict' ? (texts[0] ?? '') : `{"results":[${texts.join(',')}]}`;
}

interface At {
  result: CallResult;
  version: ApiVersion;
  answer: Answer;
  place: string;
}

function itemText(item: ItemResult, { result, version, answer, place }: At): string {
  const { spec } = result;
  if (!item.deferred || item.single) {
    const complete = completeItem(spec, item, version === 2, place);
    return JSON.stringify(version === 1 ? encodeItem(complete, result) : encodeEnvelope(complete, result, answer));
  }
  const { text, uncertainty, explanations } = printItem(spec, item, version === 2, place);
  const rest = version === 1 ? runOf(result) : { uncertainty: uncertainty ?? null, explanation: explanations ?? null, ...originOf(result, answer) };
  return `{"predictions":${text},${JSON.stringify(rest).slice(1)}`;
}

function encodeItem(item: ItemResult, result: CallResult): Record<string, unknown> {
  return { ...(item.single ? single(item) : { predictions: item.predictions }), ...runOf(result) };
}

function runOf({ spec, timings }: CallResult): Record<string, unknown> {
  return {
    modelVersion: spec.version,
    inferenceTimeMs: rounded(timings.compute),
    preprocessingTimeMs: rounded(timings.preprocess),
    postprocessingTimeMs: rounded(timings.postprocess),
  };
}

/** One text: the labelled prediction itself; a model without labels answers with its numbers. */
function single(item: ItemResult): Record<string, unknown> {
  const prediction = Array.isArray(item.predictions) ? (item.predictions[0] as Prediction) : item.predictions;
  const labelled = typeof prediction === 'object' && prediction !== null && 'prediction' in prediction;
  return labelled ? { ...prediction } : { prediction };
}

function encodeEnvelope(item: ItemResult, result: CallResult, answer: Answer): Record<string, unknown> {
  return { ...(item.single ? onlyRow(item) : allRows(item)), ...originOf(result, answer) };
}

function originOf({ spec }: CallResult, answer: Answer): Record<string, unknown> {
  return {
    model_version: spec.version,
    training_data_tag: spec.trainingDataTag ?? null,
    revision: answer.revision ?? null,
    request_id: answer.requestId,
  };
}

function allRows({ predictions, uncertainty, explanations }: ItemResult): Record<string, unknown> {
  return { predictions, uncertainty: uncertainty ?? null, explanation: explanations ?? null };
}

function onlyRow({ predictions, uncertainty, explanations }: ItemResult): Record<string, unknown> {
  const prediction = Array.isArray(predictions) ? predictions[0] : predictions;
  return { prediction, uncertainty: uncertainty?.[0] ?? null, explanation: explanations?.[0] ?? null };
}

/** Microseconds are enough. */
const rounded = (ms: number): number => Math.round(ms * 1000) / 1000;
