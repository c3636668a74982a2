// Owns the decoding of a chunked body (RFC 9112 section 7.1), strictly.
// Must not know sockets or heads.
import type { FlatHeaders } from './exchange.ts';
import { BadAnswer } from './response-head.ts';

export interface ChunkedSink {
  data(chunk: Buffer): void;
  /** `rest` is what follows the body. */
  end(trailers: FlatHeaders, rest: Buffer): void;
}

type State = 'size' | 'data' | 'data-end' | 'trailer';

const MAX_LINE = 8 * 1024;
const MAX_TRAILERS = 64;
const SIZE_LINE = /^([0-9a-fA-F]{1,13})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/;
const TRAILER_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/;
const NOTHING = Buffer.alloc(0);

export class ChunkedDecoder {
  private state: State = 'size';
  private left = 0;
  private held: Buffer = NOTHING;
  private trailers: FlatHeaders = [];
  private done = false;
  private readonly sink: ChunkedSink;

  constructor(sink: ChunkedSink) {
    this.sink = sink;
  }

  /** Takes the next bytes. Throws BadAnswer; not to be called after `end` was told. */
  push(bytes: Buffer): void {
    let rest = this.held.length > 0 ? Buffer.concat([this.held, bytes]) : bytes;
    this.held = NOTHING;
    while (!this.done && rest.length > 0) {
      const next = this.state === 'data' ? this.takeData(rest) : this.takeLine(rest);
      if (next === undefined) return;
      rest = next;
    }
  }

  private takeData(bytes: Buffer): Buffer {
    const chunk = bytes.length <= this.left ? bytes : bytes.subarray(0, this.left);
    this.left -= chunk.length;
    if (this.left === 0) this.state = 'data-end';
    this.sink.data(chunk);
    return bytes.subarray(chunk.length);
  }

  /** Undefined when the line is not complete yet. */
  private takeLine(bytes: Buffer): Buffer | undefined {
    const at = bytes.indexOf('\r\n');
    if (at < 0 || at > MAX_LINE) {
      if (bytes.length > MAX_LINE) throw new BadAnswer('chunk line too long');
      // The bytes are the reader's own and are overwritten by the next read.
      this.held = Buffer.from(bytes);
      return undefined;
    }
    const rest = bytes.subarray(at + 2);
    this.line(bytes.toString('latin1', 0, at), rest);
    return rest;
  }

  private line(line: string, rest: Buffer): void {
    if (this.state === 'size') this.sizeLine(line);
    else if (this.state === 'data-end') this.endOfData(line);
    else this.trailerLine(line, rest);
  }

  private sizeLine(line: string): void {
    const match = SIZE_LINE.exec(line);
    if (match === null) throw new BadAnswer(`chunk size ${JSON.stringify(line.slice(0, 30))}`);
    this.left = Number.parseInt(match[1] as string, 16);
    this.state = this.left === 0 ? 'trailer' : 'data';
  }

  private endOfData(line: string): void {
    if (line !== '') throw new BadAnswer('chunk longer than its size');
    this.state = 'size';
  }

  private trailerLine(line: string, rest: Buffer): void {
    if (line === '') {
      this.done = true;
      this.sink.end(this.trailers, rest);
      return;
    }
    const match = TRAILER_LINE.exec(line);
    if (match === null || this.trailers.length >= MAX_TRAILERS * 2) throw new BadAnswer('trailer');
    this.trailers.push(match[1] as string, match[2] as string);
  }
}
