// Owns the loose way in that KServe V1, TorchServe and the clouds share: a list of instances (texts, rows, objects by name, pictures) for
// whichever model there is, answered by its predictions row by row. Must not know a URL, a status or an error body.
import { InferenceError } from '../../inference/errors.ts';
import { picturesOf } from '../../inference/inputs.ts';
import { bytesFromB64 } from '../../inference/nested.ts';
import type { ServingSpec } from '../../inference/spec.ts';
import type { Kind } from '../../models/registry.ts';
import type { CallResult, Item, ItemResult } from '../../pipeline/call.ts';
import { completeItem, printRows } from '../../pipeline/postprocess.ts';

/** The body of a call: rows, or the native API's `inputs`. */
export type Sent = { rows: readonly unknown[] } | { inputs: unknown };

/** What the first row looks like, to find the one model that fits where none is named. */
export function kindOf(sent: Sent): Kind {
  const first = 'rows' in sent ? sent.rows[0] : Array.isArray(sent.inputs) ? (sent.inputs as unknown[])[0] : sent.inputs;
  if (typeof first === 'string' || textOf(first) !== undefined) return 'text';
  return bytesFromB64(first) === undefined ? 'tensors' : 'picture';
}

/** @throws InferenceError invalid_input */
export function itemFor(sent: Sent, spec: ServingSpec): Item {
  if (!('rows' in sent)) return spec.takes === 'text' ? { text: textsOf(Array.isArray(sent.inputs) ? (sent.inputs as unknown[]) : [sent.inputs]) } : { inputs: sent.inputs };
  const { rows } = sent;
  if (rows.length === 0) throw new InferenceError('invalid_input', 'There are no instances; send at least one.', { errors: [{ path: 'instances', expected: 'at least one', got: 'none' }] });
  if (spec.takes === 'text') return { text: textsOf(rows) };
  return tensorItem(rows, spec);
}

/** `"..."`, `{"text": "..."}` or `["..."]`. */
function textOf(row: unknown): string | undefined {
  if (typeof row === 'string') return row;
  if (Array.isArray(row)) return row.length === 1 && typeof row[0] === 'string' ? row[0] : undefined;
  if (!isRecord(row)) return undefined;
  const { text } = row;
  return typeof text === 'string' ? text : undefined;
}

function textsOf(rows: readonly unknown[]): string[] {
  return rows.map((row, index) => {
    const text = textOf(row);
    if (text !== undefined) return text;
    const path = `instances[${String(index)}]`;
    throw new InferenceError('invalid_input', `${path} is no text.`, { errors: [{ path, expected: 'a string, or {"text": "..."}', got: Array.isArray(row) ? 'list' : typeof row }] });
  });
}

function tensorItem(rows: readonly unknown[], spec: ServingSpec): Item {
  const names = spec.signature.inputs.map((input) => input.name);
  const features = spec.contract?.features.map((feature) => feature.name) ?? [];
  const has = (row: unknown, keys: readonly string[]): boolean => isRecord(row) && keys.length > 0 && keys.every((key) => Object.hasOwn(row, key));
  const column = (key: string): unknown[] => rows.map((row) => (row as Record<string, unknown>)[key]);
  if (rows.every((row) => has(row, names))) return columns(Object.fromEntries(names.map((name) => [name, column(name)])), spec);
  if (rows.every((row) => has(row, features))) return { inputs: rows.map((row) => features.map((key) => (row as Record<string, unknown>)[key])) };
  return columns(rows, spec);
}

function columns(inputs: unknown, spec: ServingSpec): Item {
  const pictures = picturesOf(inputs, spec);
  return pictures === undefined ? { inputs } : { pictures };
}

export const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The JSON of each prediction of the only item of a call, one per row; several outputs are an object a row. Those of a large item are printed
 * straight from its numbers.
 * @throws InferenceError inference_failed
 */
export function predictionTexts({ spec, results }: CallResult): string[] {
  const [item] = results;
  if (item === undefined) throw new RangeError('a call has at least one item');
  if (item.deferred && item.given === undefined) return printRows(spec, item.outputs);
  return rowsOf(completeItem(spec, item, false).predictions).map((row) => JSON.stringify(row));
}

function rowsOf(predictions: ItemResult['predictions']): unknown[] {
  if (Array.isArray(predictions)) return predictions;
  if (typeof predictions !== 'object') return [predictions]; // of a scalar
  const byName = Object.entries(predictions).map(([name, values]) => [name, Array.isArray(values) ? values : [values]] as const);
  const rows = Math.max(0, ...byName.map(([, values]) => values.length));
  return Array.from({ length: rows }, (_, row) => Object.fromEntries(byName.map(([name, values]) => [name, values[row]])));
}

export const predictionsBody = (result: CallResult): string => `{"predictions":[${predictionTexts(result).join(',')}]}`;
