// Owns tensors -> the body of a predict answer, laid out to the byte as TensorFlow Serving does. PURE.
import type { Tensor } from '../../inference/tensor.ts';
import { invalid } from './fill.ts';
import { decimal } from './numbers.ts';
import type { Format } from './predict-request.ts';
import { PrettyWriter, quoted } from './pretty-writer.ts';

/** @throws InferenceError when rows cannot be told apart. */
export function encodePredict(outputs: readonly Tensor[], format: Format): string {
  return format === 'row' ? rowsText(outputs) : columnsText(outputs);
}

function rowsText(outputs: readonly Tensor[]): string {
  const rows = batchOf(outputs);
  const several = outputs.length > 1;
  const cursors = outputs.map((output) => new Cursor(output));
  const writer = new PrettyWriter();
  writer.startObject();
  writer.key('predictions');
  writer.startArray();
  for (let row = 0; row < rows; row++) {
    if (several) writer.startObject();
    writer.style = 'single-line';
    for (const cursor of cursors) {
      if (several) writer.key(cursor.name);
      cursor.write(writer, 1);
    }
    writer.style = 'lines';
    if (several) writer.endObject();
  }
  writer.endArray();
  writer.endObject();
  return writer.toString();
}

function batchOf(outputs: readonly Tensor[]): number {
  let batch = -1;
  for (const { name, shape } of outputs) {
    const [rows] = shape;
    if (rows === undefined) throw invalid(`Tensor name: ${name} has no shape information `);
    if (batch >= 0 && rows !== batch) throw invalid(`Tensor name: ${name} has inconsistent batch size: ${String(rows)} expecting: ${String(batch)}`);
    batch = rows;
  }
  return batch;
}

function columnsText(outputs: readonly Tensor[]): string {
  const several = outputs.length > 1;
  const writer = new PrettyWriter();
  writer.startObject();
  writer.key('outputs');
  if (several) writer.startObject();
  for (const output of outputs) {
    if (several) writer.key(output.name);
    new Cursor(output).write(writer, 0);
  }
  if (several) writer.endObject();
  writer.endObject();
  return writer.toString();
}

/** Writes the elements of a tensor one after the other. */
class Cursor {
  readonly name: string;
  readonly #shape: readonly number[];
  readonly #print: (at: number) => string;
  readonly #bytes: boolean;
  #at = 0;

  constructor({ name, dtype, shape, data }: Tensor) {
    this.name = name;
    this.#shape = shape;
    this.#bytes = dtype === 'string';
    this.#print = printer({ name, dtype, shape, data });
  }

  write(writer: PrettyWriter, axis: number): void {
    if (axis >= this.#shape.length) {
      this.#element(writer);
      return;
    }
    const size = this.#shape[axis] ?? 0;
    writer.startArray();
    if (axis === this.#shape.length - 1 && writer.style === 'single-line' && !this.#bytes) this.#innermost(writer, size);
    else for (let index = 0; index < size; index++) this.write(writer, axis + 1);
    writer.endArray();
  }

  /** One piece of text for a whole row of numbers. */
  #innermost(writer: PrettyWriter, size: number): void {
    const texts = new Array<string>(size);
    for (let index = 0; index < size; index++) texts[index] = this.#print(this.#at++);
    if (size > 0) writer.raw(texts.join(', '));
  }

  #element(writer: PrettyWriter): void {
    const text = this.#print(this.#at++);
    if (!text.startsWith('{')) {
      writer.raw(text);
      return;
    }
    writer.startObject();
    writer.key('b64');
    writer.raw(text.slice(1));
    writer.endObject();
  }
}

/** Text of the element at an index; bytes are marked by a `{` before their base64. */
function printer({ name, dtype, data }: Tensor): (at: number) => string {
  if (Array.isArray(data)) return (at) => stringText(data[at] ?? '', name.endsWith('_bytes'));
  if (dtype === 'bool') return (at) => (data[at] === 1 ? 'true' : 'false');
  if (dtype === 'float64') return (at) => decimal(data[at] as number, 'float64');
  if (dtype === 'float32' || dtype === 'float16') return (at) => decimal(data[at] as number, 'float32');
  return (at) => String(data[at]);
}

/** An output whose name ends in `_bytes` is base64; another that is no UTF-8 is too, for JSON has no form for it. */
function stringText(value: string | Uint8Array, asBytes: boolean): string {
  const bytes = typeof value === 'string' ? undefined : Buffer.from(value);
  const text = bytes?.toString('utf8') ?? String(value);
  const plain = !asBytes && (bytes === undefined || Buffer.from(text, 'utf8').equals(bytes));
  return plain ? quoted(text) : `{${quoted((bytes ?? Buffer.from(text, 'utf8')).toString('base64'))}`;
}
