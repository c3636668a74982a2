// Owns what a TorchServe body is: JSON, a text, a picture, or a form that holds one of them. One body is one item unless it is a list
// of instances. PURE.
import { parseJson } from '../../http/json-body.ts';
import { InferenceError } from '../../inference/errors.ts';
import type { ServingSpec } from '../../inference/spec.ts';
import { pictureSize } from '../../inference/pictures.ts';
import type { CallResult, Item } from '../../pipeline/call.ts';
import { isRecord, itemFor, predictionsBody, predictionTexts } from '../instances/instances.ts';

/** Whether a body is answered by one prediction, a list, or `{"predictions": [...]}`. */
export type Shape = 'one' | 'list' | 'predictions';

export interface Decoded {
  item: Item;
  shape: Shape;
}

/** @throws InferenceError */
export function decodeBody(bytes: Buffer, contentType: string, spec: ServingSpec): Decoded {
  const body = contentOf(bytes, contentType);
  if (body === undefined) throw new InferenceError('malformed_request', 'The form has no part; send one, as curl -F data=@FILE does.');
  if (pictureSize(body) !== undefined) return { item: { pictures: [body] }, shape: 'one' };
  const text = body.toString('utf8');
  return spec.takes === 'text' ? decodeText(text, contentType, spec) : decodeJson(parseJson(text), spec);
}

/** Whether the body is a picture, which is taken as it is. */
export function holdsPicture(bytes: Buffer, contentType: string): boolean {
  const body = contentOf(bytes, contentType);
  return body !== undefined && pictureSize(body) !== undefined;
}

/** A text model takes plain text too; what is no JSON is taken as that, for curl names no type of its own. */
function decodeText(text: string, contentType: string, spec: ServingSpec): Decoded {
  if (text.trim() === '') throw new InferenceError('malformed_request', 'The body is empty; a text or JSON was expected.');
  if (/^text\//i.test(contentType)) return { item: { text: [text.trim()] }, shape: 'one' };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { item: { text: [text.trim()] }, shape: 'one' };
  }
  return decodeJson(json, spec);
}

function decodeJson(json: unknown, spec: ServingSpec): Decoded {
  const value = isRecord(json) && !('text' in json) ? (json['data'] ?? json['body'] ?? json) : json;
  if (isRecord(value) && Array.isArray(value['instances'])) return { item: itemFor({ rows: value['instances'] as unknown[] }, spec), shape: 'predictions' };
  if (isRecord(value) && 'inputs' in value) return { item: itemFor({ inputs: value['inputs'] }, spec), shape: 'list' };
  return isOneRow(value, spec) ? { item: itemFor({ rows: [value] }, spec), shape: 'one' } : { item: itemFor({ rows: value as unknown[] }, spec), shape: 'list' };
}

/** An object, a text, or a list without the batch dimension. */
function isOneRow(value: unknown, spec: ServingSpec): boolean {
  if (!Array.isArray(value)) return true;
  const [first] = value as unknown[];
  if (spec.takes === 'text' || isRecord(first)) return false;
  return depthOf(value) < (spec.signature.inputs[0]?.shape.length ?? 1);
}

function depthOf(value: unknown): number {
  let depth = 0;
  for (let level = value; Array.isArray(level); level = level[0] as unknown) depth += 1;
  return depth;
}

/** `curl -F data=@file` sends a form; its first part is the body. Undefined where the form has none. */
function contentOf(bytes: Buffer, contentType: string): Buffer | undefined {
  const boundary = /^multipart\/form-data;.*\bboundary="?([^";]+)"?/i.exec(contentType)?.[1];
  if (boundary === undefined) return bytes;
  const opening = Buffer.from(`--${boundary}\r\n`);
  const start = bytes.indexOf(opening);
  const head = start < 0 ? -1 : bytes.indexOf('\r\n\r\n', start);
  const end = head < 0 ? -1 : bytes.indexOf(`\r\n--${boundary}`, head);
  return end < 0 ? undefined : bytes.subarray(head + 4, end);
}

export function encodePrediction(result: CallResult, shape: Shape): string {
  if (shape === 'predictions') return predictionsBody(result);
  const rows = predictionTexts(result);
  return indented(shape === 'one' ? (rows[0] ?? 'null') : `[${rows.join(',')}]`);
}

const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|\[\]|\{\}|[[\]{},:]/g;

/** JSON on lines, as JSON.stringify lays it out with two spaces. */
export function indented(text: string): string {
  let depth = 0;
  const line = (): string => `\n${'  '.repeat(depth)}`;
  const opened = (token: string): string => {
    depth += 1;
    return token + line();
  };
  const closed = (token: string): string => {
    depth -= 1;
    return line() + token;
  };
  const laidOut: Readonly<Record<string, (token: string) => string>> = { '[': opened, '{': opened, ']': closed, '}': closed, ',': (token) => token + line(), ':': () => ': ' };
  return text.replace(TOKENS, (token) => laidOut[token]?.(token) ?? token);
}
