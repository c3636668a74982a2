// Owns the text of an answer to a plain request: status line, fields, how its end is told, chunks where it has no length.
// Must not know sockets. The fields are fit for a header already: pods' were read strictly, the route's were checked with its entry.
import { STATUS_CODES } from 'node:http';
import type { FlatHeaders } from '../upstream/exchange.ts';

export interface AnswerOptions {
  /** Nothing follows the head. */
  ended: boolean;
  /** A whole field, used where the answer has none. */
  date: string;
  /** Whole fields that say how the connection goes on. */
  connection: string;
}

/** How the end of the body is told; `none`: this status never has one. */
type Framing = 'length' | 'chunked' | 'none';

const isBodyless = (status: number): boolean => status === 204 || status === 304;

const fieldsText = (headers: FlatHeaders): string => {
  let text = '';
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i] as string}: ${headers[i + 1] as string}\r\n`;
  return text;
};

/** `name`: in lower case. */
function has(headers: FlatHeaders, name: string): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    const each = headers[i] as string;
    if (each.length === name.length && each.toLowerCase() === name) return true;
  }
  return false;
}

function framingOf(status: number, ended: boolean, hasLength: boolean): Framing {
  if (isBodyless(status)) return 'none';
  return hasLength || ended ? 'length' : 'chunked';
}

function framingField(framing: Framing, hasLength: boolean): string {
  if (framing === 'chunked') return 'Transfer-Encoding: chunked\r\n';
  return framing === 'length' && !hasLength ? 'Content-Length: 0\r\n' : '';
}

export class AnswerText {
  private readonly framing: Framing;
  /** Not taken yet. */
  private head: string;

  constructor(status: number, headers: FlatHeaders, { ended, date, connection }: AnswerOptions) {
    const hasLength = has(headers, 'content-length');
    this.framing = framingOf(status, ended, hasLength);
    const added = (has(headers, 'date') ? '' : date) + framingField(this.framing, hasLength) + connection;
    this.head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n${fieldsText(headers)}${added}\r\n`;
  }

  get takesBody(): boolean {
    return this.framing !== 'none';
  }

  /** What is written before the next `length` bytes of the body: the head, before the first. */
  before(length: number): string {
    const { head } = this;
    this.head = '';
    return this.framing === 'chunked' && length > 0 ? `${head}${length.toString(16)}\r\n` : head;
  }

  /** What is written after `length` bytes of the body. */
  after(length: number): string {
    return this.framing === 'chunked' && length > 0 ? '\r\n' : '';
  }

  /** What is written after all of the body. */
  end(trailers: FlatHeaders): string {
    return this.framing === 'chunked' ? `0\r\n${fieldsText(trailers)}\r\n` : '';
  }
}

/** Pods need not say when they answered; who passes an answer on without a date adds one (RFC 9110 section 6.6.1). */
export const dateField = (): string => `Date: ${new Date().toUTCString()}\r\n`;
