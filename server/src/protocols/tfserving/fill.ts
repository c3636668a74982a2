// Owns the way from a JSON value to the elements of a tensor, with TensorFlow Serving's checks and words. PURE.
import type { DType } from '@slipway/api';
import { InferenceError } from '../../inference/errors.ts';
import { layoutOf, sizeOf, type TensorData } from '../../inference/tensor.ts';
import { TYPES } from './dtypes.ts';
import type { JsonValue } from './json-reader.ts';
import { isB64, typeText, valueText } from './value-text.ts';

/** A request that is refused with these words. */
export const invalid = (message: string): InferenceError => new InferenceError('invalid_input', message);

/** Deeper lists are no tensor of ours, and walking them would cost stack. */
const MAX_RANK = 16;

/** Shape by the first element of each level; every other list is then held to it. */
export function shapeOf(value: JsonValue): number[] {
  const shape: number[] = [];
  let level: JsonValue | undefined = value;
  while (Array.isArray(level)) {
    if (shape.length === MAX_RANK) throw invalid(`Encountered list at unexpected level: ${String(MAX_RANK)} expected < ${String(MAX_RANK)}`);
    shape.push(level.length);
    level = level[0];
  }
  return shape;
}

/** Checks the lists before memory is taken: a short body must not be able to claim a large shape. @throws InferenceError */
export function checkLists(value: JsonValue, shape: readonly number[], level = 0): void {
  if (!Array.isArray(value)) {
    if (level !== shape.length) throw invalid(`JSON Value: ${valueText(value)} found at incorrect level: ${String(level + 1)} in the JSON DOM. Expected at level: ${String(shape.length)}`);
    return;
  }
  if (level >= shape.length) throw invalid(`Encountered list at unexpected level: ${String(level)} expected < ${String(shape.length)}`);
  if (value.length !== shape[level]) {
    throw invalid(`Encountered list at unexpected size: ${String(value.length)} at level: ${String(level)} expected size: ${String(shape[level])}`);
  }
  for (const item of value) checkLists(item, shape, level + 1);
}

/** A tensor's elements while they are being written. */
export class Filling {
  readonly data: TensorData;
  readonly #put: (data: unknown[], at: number, value: JsonValue) => void;
  #at = 0;

  constructor(dtype: DType, shape: readonly number[]) {
    this.data = layoutOf(dtype).make(sizeOf(shape));
    this.#put = PUTS[layoutOf(dtype).kind](dtype);
  }

  /** @throws InferenceError for an element of another type. */
  add(value: JsonValue): void {
    if (Array.isArray(value)) {
      for (const item of value) this.add(item);
    } else {
      this.#put(this.data as unknown[], this.#at, value);
      this.#at += 1;
    }
  }
}

type Put = (data: unknown[], at: number, value: JsonValue) => void;

const PUTS: Readonly<Record<ReturnType<typeof layoutOf>['kind'], (dtype: DType) => Put>> = { float: floatPut, integer: integerPut, bool: boolPut, string: stringPut };

function floatPut(dtype: DType): Put {
  // The largest float32 is printed with nine digits, which read as a little more than it: what rounds to it is it.
  const held = dtype === 'float64' ? (number: number): number => number : Math.fround;
  return (data, at, value) => {
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (typeof number !== 'number') throw typeError(value, dtype);
    if (Number.isFinite(number) && !Number.isFinite(held(number))) throw invalid(`Cannot convert JSON value: ${valueText(value)} to ${TYPES[dtype].word} without loss of precision.`);
    data[at] = number;
  };
}

function integerPut(dtype: DType): Put {
  if (dtype === 'int64' || dtype === 'uint64') return bigPut(dtype);
  const { min = 0, max = 0 } = layoutOf(dtype);
  return (data, at, value) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) throw typeError(value, dtype);
    data[at] = value;
  };
}

const BOUNDS = { int64: [-(2n ** 63n), 2n ** 63n - 1n], uint64: [0n, 2n ** 64n - 1n] } as const;

function bigPut(dtype: 'int64' | 'uint64'): Put {
  const [min, max] = BOUNDS[dtype];
  return (data, at, value) => {
    const whole = typeof value === 'bigint' ? value : typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : undefined;
    if (whole === undefined || whole < min || whole > max) throw typeError(value, dtype);
    data[at] = whole;
  };
}

function boolPut(dtype: DType): Put {
  return (data, at, value) => {
    if (typeof value !== 'boolean') throw typeError(value, dtype);
    data[at] = Number(value);
  };
}

function stringPut(dtype: DType): Put {
  return (data, at, value) => {
    if (typeof value === 'object' && value !== null) data[at] = bytesOf(value);
    else if (typeof value === 'string') data[at] = value;
    else throw typeError(value, dtype);
  };
}

const BASE64 = /^[A-Za-z0-9+/\s]*={0,2}\s*$/;

/** The bytes of `{"b64": "..."}`. @throws InferenceError */
export function bytesOf(value: JsonValue): Uint8Array {
  if (!isB64(value)) throw invalid(`JSON Value: ${valueText(value)} not formatted correctly for base64 data`);
  const { b64 } = value as { b64: string };
  if (!BASE64.test(b64) || b64.replace(/[\s=]/g, '').length % 4 === 1) throw invalid('Unable to base64 decode');
  return new Uint8Array(Buffer.from(b64, 'base64'));
}

const typeError = (value: JsonValue, dtype: DType): InferenceError =>
  invalid(`JSON Value: ${valueText(value)} Type: ${typeText(value)} is not of expected type: ${TYPES[dtype].word}`);
