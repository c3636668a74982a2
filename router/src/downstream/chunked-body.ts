// Owns the reading of a request's chunked body (RFC 9112 section 7.1), strictly: what two readers could take for different lengths is no body.
// Must not know sockets or heads. What is taken here must mean the same to Node's parser (chunked-body.test.ts holds it to that).
import { readFields } from '@slipway/api/http1';
import type { FlatHeaders } from '../upstream/exchange.ts';

const CR = 13;
const LF = 10;
/** Bytes of one line, and of everything in a body that says nothing here (extensions) or comes after it (trailers). */
const MAX_LINE = 4 * 1024;
const MAX_ASIDE = 16 * 1024;
/** Thirteen digits are exact numbers; leading zeros count among them. Extensions are told from anything else, then dropped. */
const SIZE_LINE = /^([0-9a-fA-F]{1,13})((?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"[\t\x20\x21\x23-\x5b\x5d-\x7e]*"))?)*)$/;
/** What frames or routes a message is said in its head or not at all (RFC 9110 section 6.5.1). */
const NO_TRAILER: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'host', 'connection', 'upgrade', 'trailer', 'te', 'expect', 'keep-alive', 'proxy-connection']);

export type ChunkedState = 'open' | 'done' | 'bad';

export class ChunkedBody {
  state: ChunkedState = 'open';
  readonly trailers: FlatHeaders = [];
  private readonly tell: (chunk: Buffer) => void;
  /** What the next line is. */
  private expects: 'size' | 'end-of-chunk' | 'trailer' = 'size';
  /** Bytes of the present chunk that are still to come. */
  private left = 0;
  /** The beginning of a line whose end is still to come. */
  private held = '';
  private aside = 0;

  constructor(tell: (chunk: Buffer) => void) {
    this.tell = tell;
  }

  /** Takes the next bytes while it is `open`; how many were taken: what follows belongs to another request. */
  push(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && this.state === 'open') at = this.left > 0 ? this.takeData(bytes, at) : this.takeLine(bytes, at);
    return at;
  }

  private takeData(bytes: Buffer, from: number): number {
    const to = Math.min(bytes.length, from + this.left);
    this.left -= to - from;
    this.tell(bytes.subarray(from, to));
    return to;
  }

  private takeLine(bytes: Buffer, from: number): number {
    const end = bytes.indexOf(LF, from);
    const to = end < 0 ? bytes.length : end;
    if (this.held.length + to - from > MAX_LINE) return this.refuse(to);
    if (end === from + 1 && this.held === '' && bytes[from] === CR) this.line('');
    else this.piece(this.held + bytes.toString('latin1', from, to), end >= 0);
    return end < 0 ? to : to + 1;
  }

  private piece(text: string, whole: boolean): void {
    this.held = whole ? '' : text;
    if (!whole) return;
    if (text.endsWith('\r')) this.line(text.slice(0, -1));
    else this.state = 'bad';
  }

  private line(text: string): void {
    if (this.expects === 'size') this.sizeLine(text);
    else if (this.expects === 'trailer') this.trailerLine(text);
    else if (text === '') this.expects = 'size';
    else this.state = 'bad';
  }

  private sizeLine(text: string): void {
    const match = SIZE_LINE.exec(text);
    if (match === null || this.isTooMuch((match[2] as string).length)) {
      this.state = 'bad';
      return;
    }
    this.left = Number.parseInt(match[1] as string, 16);
    this.expects = this.left === 0 ? 'trailer' : 'end-of-chunk';
  }

  private trailerLine(text: string): void {
    if (text === '') {
      this.state = 'done';
      return;
    }
    if (this.isTooMuch(text.length) || readFields(text, 0, this.trailers) >= 0 || NO_TRAILER.has((this.trailers.at(-2) as string).toLowerCase())) this.state = 'bad';
  }

  private isTooMuch(bytes: number): boolean {
    this.aside += bytes;
    return this.aside > MAX_ASIDE;
  }

  private refuse(at: number): number {
    this.state = 'bad';
    return at;
  }
}
