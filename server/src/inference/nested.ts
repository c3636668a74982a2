// Owns nested JSON lists <-> tensor elements. Must not know models: it is told dtype and where the value stood in the body.
import type { DType } from '@slipway/api';
import type { InferenceError} from './errors.ts';
import { invalidInput, type Issue } from './errors.ts';
import { layoutOf, sizeOf, type StringData, type TensorData } from './tensor.ts';

export interface Flat {
  shape: number[];
  data: TensorData;
}

const MAX_RANK = 8;

/** What a value is, in the words of an error. Cut short, so that an error never echoes a whole body. */
export function describe(value: unknown): string {
  if (Array.isArray(value)) return `list of ${String(value.length)}`;
  if (value === null) return 'null';
  if (typeof value === 'object') return 'object';
  if (typeof value === 'string' && value.length > 40) return `string of ${String(value.length)} characters`;
  return JSON.stringify(value) ?? 'nothing';
}

/**
 * Flattens nested lists to elements of a dtype, row-major.
 * JSON null and the words NaN, Infinity, -Infinity become those numbers in a float tensor: the data contract judges them.
 * @throws InferenceError invalid_input for ragged lists and elements of another type, naming the place.
 */
export function flatten(value: unknown, dtype: DType, path: string): Flat {
  const shape = shapeOf(value, path);
  const data = layoutOf(dtype).make(sizeOf(shape));
  const fill: Filler = { shape, data, element: elementReader(dtype), offset: 0, path };
  if (shape.length === 0) put(fill, value, path);
  else fillLevel(fill, value as unknown[], 0, path);
  return { shape, data };
}

/** Shape by the first element of each level; whether the rest agrees is seen while filling. */
function shapeOf(value: unknown, path: string): number[] {
  const shape: number[] = [];
  let level = value;
  while (Array.isArray(level)) {
    shape.push(level.length);
    if (shape.length > MAX_RANK) {
      throw invalidInput(`${path} is nested too deeply; at most ${String(MAX_RANK)} dimensions are taken.`, { path, expected: `at most ${String(MAX_RANK)} dimensions`, got: 'more' });
    }
    if (level.length === 0) break;
    level = level[0] as unknown;
  }
  return shape;
}

type Read = (value: unknown) => number | bigint | string | Uint8Array | Mismatch;
interface Filler {
  shape: readonly number[];
  data: TensorData;
  element: Read;
  offset: number;
  path: string;
}

class Mismatch {
  readonly expected: string;
  constructor(expected: string) {
    this.expected = expected;
  }
}

function fillLevel(fill: Filler, list: readonly unknown[], axis: number, path: string): void {
  if (axis === fill.shape.length - 1) {
    fillInnermost(fill, list, path);
    return;
  }
  const wanted = fill.shape[axis + 1] ?? 0;
  for (let index = 0; index < list.length; index++) {
    const item = list[index];
    if (!Array.isArray(item) || item.length !== wanted) throw ragged(`${path}[${String(index)}]`, wanted, item);
    fillLevel(fill, item, axis + 1, `${path}[${String(index)}]`);
  }
}

function fillInnermost(fill: Filler, list: readonly unknown[], path: string): void {
  const target = fill.data as unknown[];
  for (let index = 0; index < list.length; index++) {
    const read = fill.element(list[index]);
    if (read instanceof Mismatch) throw wrongElement(`${path}[${String(index)}]`, read.expected, list[index]);
    target[fill.offset++] = read;
  }
}

function put(fill: Filler, value: unknown, path: string): void {
  const read = fill.element(value);
  if (read instanceof Mismatch) throw wrongElement(path, read.expected, value);
  (fill.data as unknown[])[0] = read;
}

function ragged(path: string, wanted: number, got: unknown): InferenceError {
  return invalidInput(`${path} does not have the length of its siblings.`, { path, expected: `list of ${String(wanted)}`, got: describe(got) });
}

function wrongElement(path: string, expected: string, got: unknown): InferenceError {
  const issue: Issue = { path, expected, got: describe(got) };
  return invalidInput(`${path} is ${issue.got}, expected ${expected}.`, issue);
}

const WORDS: Record<string, number> = { NaN: Number.NaN, Infinity: Number.POSITIVE_INFINITY, '-Infinity': Number.NEGATIVE_INFINITY };

function elementReader(dtype: DType): Read {
  const layout = layoutOf(dtype);
  switch (layout.kind) {
    case 'float':
      return (value) => (typeof value === 'number' ? value : missingOrWord(value, dtype));
    case 'integer':
      return integerReader(dtype, layout.min ?? 0, layout.max ?? 0);
    case 'bool':
      return (value) => (typeof value === 'boolean' ? Number(value) : value === 0 || value === 1 ? value : new Mismatch('true or false'));
    case 'string':
      return readString;
  }
}

function missingOrWord(value: unknown, dtype: DType): number | Mismatch {
  if (value === null) return Number.NaN;
  const word = typeof value === 'string' ? WORDS[value] : undefined;
  return word ?? new Mismatch(`number (${dtype})`);
}

function integerReader(dtype: DType, min: number, max: number): Read {
  const big = dtype === 'int64' || dtype === 'uint64';
  const expected = `integer from ${String(min)} to ${String(max)} (${dtype})`;
  return (value) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) return new Mismatch(expected);
    return big ? BigInt(value) : value;
  };
}

function readString(value: unknown): string | Uint8Array | Mismatch {
  if (typeof value === 'string') return value;
  return bytesFromB64(value) ?? new Mismatch('string');
}

/** The bytes of `{"b64": "..."}`, or undefined for anything else. */
export function bytesFromB64(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { b64 } = value as { b64?: unknown };
  if (typeof b64 !== 'string' || Object.keys(value).length !== 1) return undefined;
  return new Uint8Array(Buffer.from(b64, 'base64'));
}

export type Nested = number | boolean | string | Nested[] | { b64: string };

/** Nested lists of a tensor's elements, as JSON prints them: int64 as a number, bool as true or false, bytes as text if they are UTF-8. */
export function nest(tensor: Elements): Nested {
  const at = elementPrinter(tensor.dtype, tensor.data);
  const { shape } = tensor;
  let offset = 0;
  const level = (axis: number): Nested => {
    if (axis === shape.length) return at(offset++);
    const list = new Array<Nested>(shape[axis] ?? 0);
    for (let index = 0; index < list.length; index++) list[index] = level(axis + 1);
    return list;
  };
  return level(0);
}

interface Elements {
  dtype: DType;
  shape: readonly number[];
  data: TensorData;
}

/** The JSON text of `nest(tensor)`, straight from the elements; numbers must be finite. */
export function nestText(tensor: Elements): string {
  return tensor.shape.length === 0 ? printer(tensor)(0, 0, 1) : `[${rowTexts(tensor).join(',')}]`;
}

/** The JSON text of each row of `nest(tensor)`; a scalar is one row. */
export function rowTexts(tensor: Elements): string[] {
  const [rows = 1] = tensor.shape;
  const size = sizeOf(tensor.shape) / Math.max(1, rows);
  const print = printer(tensor);
  return Array.from({ length: rows }, (_, row) => print(1, row * size, size));
}

/** Prints what lies below an axis: `size` elements from `from`. */
function printer({ dtype, shape, data }: Elements): (axis: number, from: number, size: number) => string {
  const flat = flatPrinter(dtype, data);
  const print = (axis: number, from: number, size: number): string => {
    if (axis >= shape.length) return flat(from, from + 1);
    if (axis === shape.length - 1) return `[${flat(from, from + size)}]`;
    const count = shape[axis] ?? 0;
    const each = size / Math.max(1, count);
    return `[${Array.from({ length: count }, (_, index) => print(axis + 1, from + index * each, each)).join(',')}]`;
  };
  return print;
}

/** The text of elements [from, to), with commas between them. */
function flatPrinter(dtype: DType, data: TensorData): (from: number, to: number) => string {
  if (Array.isArray(data) || dtype === 'bool' || dtype === 'int64' || dtype === 'uint64') {
    const at = elementPrinter(dtype, data);
    return (from, to) => Array.from({ length: to - from }, (_, index) => JSON.stringify(at(from + index))).join(',');
  }
  return (from, to) => data.subarray(from, to).join(',');
}

function elementPrinter(dtype: DType, data: TensorData): (index: number) => Nested {
  if (dtype === 'string') return (index) => printString((data as StringData)[index] ?? '');
  if (dtype === 'bool') return (index) => data[index] === 1;
  return (index) => Number(data[index]);
}

function printString(value: string | Uint8Array): Nested {
  if (typeof value === 'string') return value;
  const bytes = Buffer.from(value);
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : { b64: bytes.toString('base64') };
}
