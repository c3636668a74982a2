// Owns the bodies of the managed clouds: SageMaker's /invocations, Vertex AI's instances, Azure ML's /score. PURE.
import { parseJson } from '../../http/json-body.ts';
import { InferenceError } from '../../inference/errors.ts';
import type { CallResult } from '../../pipeline/call.ts';
import { isRecord, predictionsBody, predictionTexts, type Sent } from '../instances/instances.ts';
import { numbersOf, readCsv, writeCsv } from './csv.ts';

const CSV = 'text/csv';
export const isCsv = (type: string): boolean => type.startsWith(CSV);
/** In full, as it is sent whether the body is a text or bytes. */
export const JSON_TYPE = 'application/json; charset=utf-8';

export interface Body {
  type: string;
  body: string;
}

/** `{"instances": [...]}`; parameters have no meaning here and are not looked at. @throws InferenceError */
export function decodeVertex(text: string): Sent {
  const body = parseJson(text);
  if (isRecord(body) && Array.isArray(body['instances'])) return { rows: body['instances'] as unknown[] };
  throw new InferenceError('malformed_request', 'Send {"instances": [...]}.');
}

export const encodeVertex = (result: CallResult): Body => ({ type: JSON_TYPE, body: predictionsBody(result) });

/** JSON of any of the usual shapes, or text/csv. @throws InferenceError */
export function decodeInvocation(text: string, contentType: string): Sent {
  if (!isCsv(contentType)) return decodeLoose(parseJson(text));
  const rows = readCsv(text);
  if (rows.length === 0) throw new InferenceError('malformed_request', 'The CSV has no row.');
  const texts = rows.every((row) => row.length === 1 && Number.isNaN(Number(row[0])));
  return { rows: texts ? rows.map(([only]) => only ?? '') : numbersOf(rows) };
}

export function encodeInvocation(result: CallResult, accept: string): Body {
  return isCsv(accept) ? { type: CSV, body: writeCsv(predictionTexts(result)) } : { type: JSON_TYPE, body: predictionsBody(result) };
}

/** `{"data": [...]}` or MLflow's `{"input_data": ...}`, answered by a list. @throws InferenceError */
export const decodeScore = (text: string): Sent => decodeLoose(parseJson(text));

export const encodeScore = (result: CallResult): Body => ({ type: JSON_TYPE, body: `[${predictionTexts(result).join(',')}]` });

const ROW_KEYS = ['instances', 'data', 'input_data', 'dataframe_records'] as const;

function decodeLoose(body: unknown): Sent {
  if (Array.isArray(body)) return { rows: body as unknown[] };
  if (!isRecord(body)) throw new InferenceError('malformed_request', 'Send a list of rows, {"instances": [...]}, {"data": [...]} or {"inputs": ...}.');
  if (body['text'] !== undefined) return { rows: Array.isArray(body['text']) ? (body['text'] as unknown[]) : [body['text']] };
  const key = ROW_KEYS.find((name) => body[name] !== undefined);
  if (key !== undefined) return { rows: rowsOf(body[key], key) };
  if (body['inputs'] !== undefined) return { inputs: body['inputs'] };
  throw new InferenceError('malformed_request', `Send one of ${ROW_KEYS.join(', ')}, inputs or text.`);
}

/** A list of rows, or a table: columns and data. */
function rowsOf(value: unknown, key: string): unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  const { columns, data } = isRecord(value) ? value : {};
  if (!Array.isArray(columns) || !Array.isArray(data)) throw new InferenceError('malformed_request', `${key} must be a list of rows, or {"columns": [...], "data": [[...]]}.`);
  if (!columns.every((column) => typeof column === 'string')) return data as unknown[];
  return (data as unknown[]).map((row) => (Array.isArray(row) ? Object.fromEntries(columns.map((column, at) => [column, row[at] as unknown])) : row));
}
