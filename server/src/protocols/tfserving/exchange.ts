// Owns the two bodies of a REST call: text to what the engine is given, outputs to text. PURE, so that a worker thread can do it.
import { picturesOf } from '../../inference/inputs.ts';
import { callerSignature, type ServingSpec } from '../../inference/spec.ts';
import type { Tensor } from '../../inference/tensor.ts';
import type { Item } from '../../pipeline/call.ts';
import { decodeExamples, tensorsOf } from './examples.ts';
import type { JsonObject, JsonValue } from './json-reader.ts';
import { decodePredict, instancesOf, isNamed, readBody, signatureIn, type Format } from './predict-request.ts';
import { encodePredict } from './predict-response.ts';
import { classesOf, encodeClasses, encodeValues, valuesOf } from './results.ts';
import type { Method } from './target.ts';

export interface Decoded {
  item: Pick<Item, 'tensors' | 'pictures'>;
  /** Which of the model's other signatures. */
  signature?: string | undefined;
  format: Format;
}

/** @throws InferenceError with TensorFlow Serving's words */
export function decodeCall(method: Method, text: string, model: ServingSpec): Decoded {
  if (method === 'predict') return decodePrediction(text, model);
  const body = readBody(text, 'always-bigint');
  const { spec, signature } = signatureIn(body, model);
  return { item: { tensors: tensorsOf(decodeExamples(body), spec) }, signature, format: 'row' };
}

function decodePrediction(text: string, model: ServingSpec): Decoded {
  const body = readBody(text, 'large-bigint');
  const { spec, signature } = signatureIn(body, model);
  const pictures = spec.image === undefined ? undefined : picturesOf(body['instances'] === undefined ? body['inputs'] : rowPictures(body, spec.image.name), spec);
  const format = body['instances'] === undefined ? 'columnar' : 'row';
  return { item: pictures === undefined ? { tensors: decodePredict(body, callerSignature(spec).inputs).tensors } : { pictures }, signature, format };
}

/** The values of the only input, row by row. */
function rowPictures(body: JsonObject, input: string): JsonValue[] {
  return instancesOf(body).map((instance) => (isNamed(instance) ? (instance[input] ?? null) : instance));
}

export interface Answered {
  method: Method;
  format: Format;
  outputs: readonly Tensor[];
  spec: ServingSpec;
}

/** @throws InferenceError where the outputs have no form in this method */
export function encodeCall({ method, format, outputs, spec }: Answered): string {
  if (method === 'predict') return encodePredict(outputs, format);
  return method === 'classify' ? encodeClasses(classesOf(outputs, spec)) : encodeValues(valuesOf(outputs, spec));
}
