// Owns a JSON value in the words of an error: laid out like an answer, cut after 256 characters. PURE.
import { bytesFromB64 } from '../../inference/nested.ts';
import type { JsonValue } from './json-reader.ts';
import { decimal } from './numbers.ts';
import { PrettyWriter } from './pretty-writer.ts';

const MAX = 256;

/** Stops as soon as it has enough, so that an error about a large or deep body costs nothing. */
export function valueText(value: JsonValue): string {
  const writer = new PrettyWriter();
  write(writer, value);
  return writer.toString().slice(0, MAX);
}

function write(writer: PrettyWriter, value: JsonValue): void {
  if (writer.length > MAX) return;
  if (Array.isArray(value)) {
    writer.startArray();
    for (let index = 0; index < value.length && writer.length <= MAX; index++) write(writer, value[index] ?? null);
    writer.endArray();
  } else if (typeof value === 'object' && value !== null) {
    writeObject(writer, value);
  } else {
    writer.raw(scalarText(value));
  }
}

function writeObject(writer: PrettyWriter, value: { [name: string]: JsonValue }): void {
  writer.startObject();
  for (const [name, member] of Object.entries(value)) {
    if (writer.length > MAX) break;
    writer.key(name.slice(0, MAX));
    write(writer, member);
  }
  writer.endObject();
}

function scalarText(value: null | boolean | number | bigint | string): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, MAX));
  if (typeof value === 'number' && !Number.isInteger(value)) return decimal(value, 'float64');
  return String(value);
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
