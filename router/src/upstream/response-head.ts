// Owns the reading of an HTTP/1.1 answer's head: status, headers, how long the body is, whether the connection can be kept.
// Must not know sockets. Strict: whatever could be read in two ways is refused, since the connection is shared by callers.
import { readFields } from '@slipway/api/http1';
import type { FlatHeaders } from './exchange.ts';

export type Framing = { kind: 'none' } | { kind: 'length'; bytes: number } | { kind: 'chunked' } | { kind: 'close' };

export interface ResponseHead {
  status: number;
  headers: FlatHeaders;
  framing: Framing;
  keepAlive: boolean;
  /** Milliseconds after which the pod will close the idle connection, if it said so. */
  keepAliveMs: number | undefined;
}

export class BadAnswer extends Error {
  override name = 'BadAnswer';
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: [^\r]*)?(?:\r\n|$)/;
const LENGTH = /^[0-9]{1,15}$/;
const KEEP_ALIVE_SECONDS = /(?:^|[,; ])timeout=([0-9]{1,6})/i;

/** What the headers say about the body and the connection. */
interface Notes {
  length: string | undefined;
  transferEncoding: string | undefined;
  connection: string;
  keepAlive: string | undefined;
}

function note(notes: Notes, name: string, value: string): void {
  switch (name) {
    case 'content-length':
      if (notes.length !== undefined) throw new BadAnswer('two content lengths');
      notes.length = value;
      break;
    case 'transfer-encoding':
      notes.transferEncoding = notes.transferEncoding === undefined ? value : `${notes.transferEncoding}, ${value}`;
      break;
    case 'connection':
      notes.connection += ` ${value.toLowerCase()}`;
      break;
    case 'keep-alive':
      notes.keepAlive = value;
      break;
    default:
  }
}

const startOf = (text: string, length: number): string => JSON.stringify(text.slice(0, length));

function headersOf(text: string, from: number, notes: Notes): FlatHeaders {
  const headers: FlatHeaders = [];
  const bad = readFields(text, from, headers);
  if (bad >= 0) throw new BadAnswer(`not a header: ${startOf(text.slice(bad).split('\r\n', 1)[0] as string, 60)}`);
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    // Only names of these lengths matter to the framing: content-length, transfer-encoding, connection, keep-alive.
    if (name.length === 14 || name.length === 17 || name.length === 10) note(notes, name.toLowerCase(), headers[i + 1] as string);
  }
  return headers;
}

/** Throws if the two ways to say how long a body is are wrong or contradict each other. */
function checkFraming({ length, transferEncoding }: Notes): void {
  if (length !== undefined && !LENGTH.test(length)) throw new BadAnswer(`content length ${JSON.stringify(length.slice(0, 30))}`);
  if (transferEncoding === undefined) return;
  if (transferEncoding.toLowerCase() !== 'chunked') throw new BadAnswer(`transfer encoding ${JSON.stringify(transferEncoding.slice(0, 30))}`);
  if (length !== undefined) throw new BadAnswer('content length beside transfer encoding');
}

const isBodyless = (status: number, method: string): boolean => method === 'HEAD' || status === 204 || status === 304 || status < 200;

function framingOf(notes: Notes, status: number, method: string): Framing {
  checkFraming(notes);
  if (isBodyless(status, method) || notes.length === '0') return { kind: 'none' };
  if (notes.transferEncoding !== undefined) return { kind: 'chunked' };
  return notes.length === undefined ? { kind: 'close' } : { kind: 'length', bytes: Number(notes.length) };
}

/**
 * Reads the head of an answer to a request with `method`; `text` is everything before the empty line, as latin1.
 * Throws BadAnswer.
 */
export function readHead(text: string, method: string): ResponseHead {
  const statusLine = STATUS_LINE.exec(text);
  if (statusLine === null) throw new BadAnswer(`not a status line: ${startOf(text.split('\r\n', 1)[0] as string, 60)}`);
  const status = Number(statusLine[2]);
  const notes: Notes = { length: undefined, transferEncoding: undefined, connection: '', keepAlive: undefined };
  const headers = headersOf(text, statusLine[0].length, notes);
  const framing = framingOf(notes, status, method);
  const persistent = statusLine[1] === '1' ? !notes.connection.includes('close') : notes.connection.includes('keep-alive');
  const seconds = notes.keepAlive === undefined ? null : KEEP_ALIVE_SECONDS.exec(notes.keepAlive);
  return { status, headers, framing, keepAlive: persistent && framing.kind !== 'close', keepAliveMs: seconds === null ? undefined : Number(seconds[1]) * 1000 };
}
