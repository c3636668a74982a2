// Owns the binary way in and out of the native API: one tensor as its raw bytes, little-endian and row-major, its shape and dtype beside
// it in headers or in the query. PURE. Must not know Fastify; how a raw tensor is read is V2's, so that both read the same.
import { DType } from '@slipway/api';
import { InferenceError, invalidInput } from '../../inference/errors.ts';
import { isPicture } from '../../inference/pictures.ts';
import type { ServingSpec } from '../../inference/spec.ts';
import { layoutOf, shapeText, sizeOf } from '../../inference/tensor.ts';
import type { CallResult, Item } from '../../pipeline/call.ts';
import { MAX_ELEMENTS, rawOf, tensorFromRaw } from '../v2/raw.ts';

/** The content type of raw bytes, both ways. */
export const OCTETS = 'application/octet-stream';

/** Headers beside raw bytes; in the query they are `shape` and `dtype`. */
export const TENSOR_HEADERS = { shape: 'slipway-tensor-shape', dtype: 'slipway-tensor-dtype', name: 'slipway-tensor-name' } as const;

/** What stands beside the bytes, as it was sent. */
export interface Beside {
  shape: string | undefined;
  dtype: string | undefined;
}

/**
 * The item of a raw body: a PNG or JPEG by its first bytes where the model takes pictures and nothing is said beside it, else the
 * model's only input.
 * @throws InferenceError invalid_input naming what does not fit
 */
export function readOctets(bytes: Uint8Array, spec: ServingSpec, beside: Beside): Item {
  if (spec.image !== undefined && beside.shape === undefined && beside.dtype === undefined && isPicture(bytes)) return { pictures: [bytes] };
  const { name, dtype: own, shape } = onlyInput(spec);
  const dtype = beside.dtype === undefined ? own : dtypeOf(beside.dtype);
  if (dtype === 'string' || dtype === 'complex64') throw invalidInput(`dtype ${dtype} has no raw form here; send JSON.`, { path: 'dtype', expected: 'a dtype of numbers', got: dtype });
  const width = dtype === 'float16' ? HALF_BYTES : layoutOf(dtype).bytes;
  const sent = beside.shape === undefined ? shapeFor(bytes.byteLength, shape, width) : shapeOf(beside.shape);
  return { tensors: [tensorFromRaw({ name, dtype, shape: sent }, bytes)] };
}

const HALF_BYTES = 2;

function onlyInput(spec: ServingSpec): ServingSpec['signature']['inputs'][number] {
  const [only, ...others] = spec.signature.inputs;
  if (spec.takes === 'text') throw invalidInput(`Model ${spec.name} takes texts: send {"text": "..."} as JSON.`, { path: 'text', expected: 'text', got: 'raw bytes' });
  if (only !== undefined && others.length === 0) return only;
  const names = spec.signature.inputs.map((input) => input.name).join(', ');
  throw invalidInput(`Model ${spec.name} has several inputs (${names}); raw bytes are one. Send JSON, or /v2/models/${spec.name}/infer with the binary tensor extension.`, {
    path: 'inputs',
    expected: `inputs ${names}`,
    got: 'raw bytes of one',
  });
}

function dtypeOf(sent: string): DType {
  const parsed = DType.safeParse(sent.trim().toLowerCase());
  if (parsed.success) return parsed.data;
  throw invalidInput(`There is no dtype ${sent.slice(0, 20)}.`, { path: 'dtype', expected: DType.options.join(', '), got: sent.slice(0, 20) });
}

const SHAPE = /^\[?\s*(\d{1,10}(?:\s*,\s*\d{1,10}){0,7})\s*\]?$/;

function shapeOf(sent: string): number[] {
  const shape = SHAPE.exec(sent.trim())?.[1]?.split(',').map(Number);
  if (shape !== undefined && sizeOf(shape) <= MAX_ELEMENTS) return shape;
  throw invalidInput('The shape is no list of dimensions.', { path: 'shape', expected: 'up to 8 dimensions such as 2,5', got: sent.slice(0, 40) });
}

/** The rows follow from the length where the model knows all other dimensions. */
function shapeFor(bytes: number, declared: readonly number[], width: number): number[] {
  const [, ...row] = declared;
  const expected = `the shape beside the bytes; the model takes ${shapeText(declared)}`;
  if (declared.length === 0 || row.some((dim) => dim < 0)) throw invalidInput(`Say the shape: header Slipway-Tensor-Shape or ?shape=.`, { path: 'shape', expected, got: 'nothing' });
  const rowBytes = sizeOf(row) * width;
  if (bytes > 0 && bytes % rowBytes === 0) return [bytes / rowBytes, ...row];
  throw invalidInput(`The body is no whole number of rows of ${String(rowBytes)} bytes.`, { path: 'inputs', expected: `a multiple of ${String(rowBytes)} bytes: the model takes ${shapeText(declared)}`, got: `${String(bytes)} bytes` });
}

/** Whether an answer is wanted as raw bytes: Accept names them, and JSON not. */
export const wantsOctets = (accept: string | undefined): boolean => accept !== undefined && accept.includes(OCTETS) && !accept.includes('json');

/**
 * The model's only output as it is, before the package's postprocessing, and the headers that describe it.
 * @throws InferenceError not_supported for several outputs and for strings
 */
export function writeOctets({ spec, results }: CallResult): { bytes: Buffer; headers: Record<string, string> } {
  const [tensor, ...others] = results[0]?.outputs ?? [];
  if (tensor === undefined || others.length > 0 || Array.isArray(tensor.data)) {
    const what = others.length > 0 ? 'several outputs' : 'an output of strings';
    throw new InferenceError('not_supported', `Model ${spec.name} has ${what}, which have no raw form here; ask for JSON, or use /v2/models/${spec.name}/infer with the binary tensor extension.`);
  }
  const raw = rawOf(tensor);
  const headers = { [TENSOR_HEADERS.name]: encodeURIComponent(tensor.name), [TENSOR_HEADERS.dtype]: tensor.dtype, [TENSOR_HEADERS.shape]: tensor.shape.join(',') };
  return { bytes: Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength), headers };
}
