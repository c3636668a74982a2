// Owns writing the HTTP answer of a V2 inference: compact JSON in Triton's order of keys, raw tensors behind it where they are
// wanted. PURE, so that a worker thread can do it.
import { namesOf } from './datatypes.ts';
import { listText } from './elements.ts';
import type { InferOutput } from './infer.ts';
import { rawOf } from './raw.ts';

export interface InferAnswer {
  id: string | undefined;
  model: string;
  version: string;
  outputs: readonly InferOutput[];
}

export interface InferBody {
  /** Text where there is only JSON. */
  bytes: Buffer | string;
  /** Length of the JSON in front of raw tensors; undefined if there are none. */
  jsonBytes: number | undefined;
}

/** @throws InferenceError invalid_input for what JSON has no form for */
export function writeInferAnswer({ id, model, version, outputs }: InferAnswer): InferBody {
  const raw: Uint8Array[] = [];
  const texts = outputs.map((output) => outputText(output, raw));
  const json = `{${id === undefined ? '' : `"id":${JSON.stringify(id)},`}"model_name":${JSON.stringify(model)},"model_version":${JSON.stringify(version)},"outputs":[${texts.join(',')}]}`;
  return raw.length === 0 ? { bytes: json, jsonBytes: undefined } : { bytes: Buffer.concat([Buffer.from(json), ...raw]), jsonBytes: Buffer.byteLength(json) };
}

function outputText({ tensor, binary }: InferOutput, raw: Uint8Array[]): string {
  const head = `{"name":${JSON.stringify(tensor.name)},"datatype":"${namesOf(tensor.dtype).datatype}","shape":[${tensor.shape.join(',')}]`;
  if (!binary) return `${head},"data":${listText(tensor)}}`;
  const bytes = rawOf(tensor);
  raw.push(bytes);
  return `${head},"parameters":{"binary_data_size":${String(bytes.byteLength)}}}`;
}
