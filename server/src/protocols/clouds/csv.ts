// Owns text/csv as SageMaker's built-in containers read and write it: rows without a header. PURE.
import { InferenceError } from '../../inference/errors.ts';

/** Fields of each line; a quoted field may hold commas, doubled quotes and line breaks. @throws InferenceError */
export function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    const field = text[at] === '"' ? quotedField(text, at) : plainField(text, at);
    row.push(field.value);
    at = field.end;
    if (text[at] === ',') {
      at += 1;
      if (at === text.length) row.push('');
      continue;
    }
    at += lineEnd(text, at);
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
  }
  if (row.length > 0) rows.push(row);
  return rows;
}

interface Field {
  value: string;
  end: number;
}

function plainField(text: string, start: number): Field {
  let end = start;
  while (end < text.length && text[end] !== ',' && text[end] !== '\n' && text[end] !== '\r') end += 1;
  return { value: text.slice(start, end), end };
}

const QUOTED = /"((?:[^"]|"")*)"/y;

function quotedField(text: string, start: number): Field {
  QUOTED.lastIndex = start;
  const found = QUOTED.exec(text);
  const end = start + (found?.[0].length ?? 0);
  const after = text[end];
  if (found === null || (after !== undefined && !',\r\n'.includes(after))) throw new InferenceError('malformed_request', `The CSV has a quote at character ${String(start + 1)} that is not closed as it should be.`);
  return { value: (found[1] ?? '').replaceAll('""', '"'), end };
}

const lineEnd = (text: string, at: number): number => (text.startsWith('\r\n', at) ? 2 : 1);

/** Rows of numbers; what is none stays a word, which the model's own check then names. NaN and Infinity are numbers here. */
export function numbersOf(rows: readonly (readonly string[])[]): unknown[][] {
  return rows.map((row) => row.map((field) => (field.trim() === '' || Number.isNaN(Number(field)) ? field.trim() : Number(field))));
}

/** A line per row, which is given as JSON; a list's items are its fields. */
export const writeCsv = (rows: readonly string[]): string => rows.map((row) => `${isPlain(row) ? row.replace(/[[\]]/g, '') : fieldsOf(JSON.parse(row)).map(fieldText).join(',')}\n`).join('');

/** Whether a row's fields stand in it as they are: there is nothing but numbers. */
const isPlain = (row: string): boolean => !/["{]|\[\]/.test(row);

/** A labelled prediction is its label and score. */
function fieldsOf(row: unknown): unknown[] {
  if (Array.isArray(row)) return row.flat(Infinity) as unknown[];
  if (typeof row !== 'object' || row === null) return [row];
  return 'prediction' in row && 'score' in row ? [row.prediction, row.score] : [JSON.stringify(row)];
}

function fieldText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const COMMA = 0x2c;
const LF = 0x0a;
const CR = 0x0d;

/** Bytes per line and per field, as texts and as numbers, measured on V8 and rounded up. */
const PER_LINE = 280;
const PER_FIELD = 64;
/** The body as bytes and as text. */
const PER_BYTE = 3;

/** What CSV takes in memory once read: upper estimate in bytes; marks inside quotes are counted too. */
export function csvCost(body: Uint8Array): number {
  let lines = 1;
  let commas = 0;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (byte === COMMA) commas += 1;
    else if (byte === LF || (byte === CR && body[at + 1] !== LF)) lines += 1;
  }
  return body.length * PER_BYTE + lines * (PER_LINE + PER_FIELD) + commas * PER_FIELD;
}
