// Owns a JSON value in the words of an error: laid out like an answer, with each list on one line, cut after 256 bytes. PURE.
import { bytesFromB64 } from '../../inference/nested.ts';
import type { JsonValue } from './json-reader.ts';
import { PrettyWriter } from './pretty-writer.ts';

const MAX = 256;
const INT64 = 2n ** 63n;
const UINT64 = 2n ** 64n;

/**
 * As in the original nothing begins after that many bytes, brackets neither; unlike there a long string is cut, so that an error about a
 * large or deep body costs nothing.
 */
export function valueText(value: JsonValue): string {
  const writer = new PrettyWriter();
  writer.style = 'single-line';
  write(writer, value);
  return writer.toString();
}

const isFull = (writer: PrettyWriter): boolean => writer.bytes >= MAX;

function write(writer: PrettyWriter, value: JsonValue): void {
  if (isFull(writer)) return;
  if (Array.isArray(value)) {
    writer.startArray();
    for (let index = 0; index < value.length && !isFull(writer); index++) write(writer, value[index] ?? null);
    if (!isFull(writer)) writer.endArray();
  } else if (typeof value === 'object' && value !== null) {
    writeObject(writer, value);
  } else if (typeof value === 'string') {
    writer.string(value.slice(0, MAX));
  } else {
    writer.raw(scalarText(value));
  }
}

function writeObject(writer: PrettyWriter, value: { [name: string]: JsonValue }): void {
  writer.startObject();
  for (const [name, member] of Object.entries(value)) {
    if (isFull(writer)) return;
    writer.key(name.slice(0, MAX));
    write(writer, member);
  }
  if (!isFull(writer)) writer.endObject();
}

/** What has 64 bits is an integer; a number without a fraction stands for one, for it is not known how it was written. */
function scalarText(value: null | boolean | number | bigint): string {
  if (typeof value === 'bigint') return value < -INT64 || value >= UINT64 ? doubleText(Number(value)) : String(value);
  return typeof value === 'number' && !Number.isSafeInteger(value) ? doubleText(value) : String(value);
}

/** The shortest digits that read back, as JavaScript has them, but for the exponent's sign; a whole number ends in `.0`. */
function doubleText(value: number): string {
  const text = String(value).replace('e+', 'e');
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** The name of a value's type. */
export function typeText(value: JsonValue): string {
  if (value === null) return 'Null';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return 'String';
  if (Array.isArray(value)) return 'Array';
  return typeof value === 'object' ? 'Object' : 'Number';
}

/** Whether it is `{"b64": "..."}` and nothing else. */
export const isB64 = (value: JsonValue | undefined): boolean => typeof value === 'object' && bytesFromB64(value) !== undefined;
