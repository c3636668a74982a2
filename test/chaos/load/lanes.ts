// Owns how a request is sent in each lane. Must not judge answers or keep count.
import http2 from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import type { LaneName, LoadOptions } from './protocol.ts';

/** What came back. */
export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** Rows whose answer has about 100 kB. */
export const LARGE_ROWS = 1500;
const PADDING = 1.2 * 1024 * 1024;
const JSON_TYPE = { 'content-type': 'application/json' };
/** Milliseconds after which a caller over HTTP/2 connects anew, as pools do: else one router would get it all. */
const SESSION_MS = 15_000;

/** Sends requests to one URL. Rejects with what undici or node:http2 says. */
export class Sender {
  readonly #url: string;
  readonly #options: LoadOptions;
  readonly #kept: Agent;
  readonly #closing: Agent;
  readonly #one: string;
  readonly #large: string;
  readonly #padded: string;
  #session: { opened: number; client: ClientHttp2Session } | undefined;

  constructor(url: string, options: LoadOptions) {
    this.#url = url;
    this.#options = options;
    const common = { connections: 64, connect: { timeout: options.timeoutMs } };
    this.#kept = new Agent({ ...common, pipelining: 1, keepAliveTimeout: 10_000 });
    this.#closing = new Agent({ ...common, pipelining: 0 });
    this.#one = JSON.stringify({ inputs: [options.row] });
    this.#large = JSON.stringify({ inputs: Array.from({ length: LARGE_ROWS }, () => options.row) });
    this.#padded = `${this.#one.slice(0, -1)}${' '.repeat(PADDING)}}`;
  }

  send(lane: LaneName): Promise<Answer> {
    switch (lane) {
      case 'keep-alive': return this.#http1(this.#kept, this.#one);
      case 'close': return this.#http1(this.#closing, this.#one);
      case 'h2c': return this.#http2(this.#one);
      case 'chunked': return this.#http1(this.#kept, pieces(this.#one, 4, 10));
      case 'slow': return this.#http1(this.#kept, pieces(this.#one, 5, 200));
      case 'large': return this.#http1(this.#kept, this.#large);
      case 'upload': return this.#http1(this.#kept, pieces(this.#padded, 6, 30));
    }
  }

  close(): void {
    this.#session?.client.destroy();
    void this.#kept.destroy();
    void this.#closing.destroy();
  }

  async #http1(dispatcher: Dispatcher, body: string | AsyncIterable<Buffer>): Promise<Answer> {
    const { timeoutMs } = this.#options;
    const payload = typeof body === 'string' ? body : Readable.from(body);
    const answer = await request(`${this.#url}/predict`, { method: 'POST', dispatcher, headersTimeout: timeoutMs, bodyTimeout: timeoutMs, headers: JSON_TYPE, body: payload });
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
  }

  /** A stream that the other side says it has not looked at may be sent again (RFC 9113, 8.7), and every caller over HTTP/2 does. */
  async #http2(body: string): Promise<Answer> {
    try {
      return await this.#stream(body);
    } catch (error) {
      if (!(error as Error).message.includes('NGHTTP2_REFUSED_STREAM')) throw error;
      return await this.#stream(body);
    }
  }

  #stream(body: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { timeoutMs } = this.#options;
      const stream = this.#openSession().request({ ':method': 'POST', ':path': '/predict', ...JSON_TYPE });
      let headers: Record<string, string | string[] | undefined> = {};
      let text = '';
      stream.setTimeout(timeoutMs, () => stream.destroy(new Error(`no answer within ${timeoutMs} ms`)));
      stream.setEncoding('utf8');
      stream.on('response', (got) => (headers = got as typeof headers));
      stream.on('data', (chunk: string) => (text += chunk));
      stream.on('end', () => resolve({ status: Number(headers[':status'] ?? 0), headers, text }));
      stream.on('error', reject);
      stream.on('close', () => reject(new Error(`the stream ended with code ${stream.rstCode}`)));
      stream.end(body);
    });
  }

  /** The connection to use now: left at GOAWAY, as every caller over HTTP/2 must, and after a while. */
  #openSession(): ClientHttp2Session {
    const now = performance.now();
    const known = this.#session;
    if (known !== undefined && !known.client.closed && !known.client.destroyed && now - known.opened < SESSION_MS) return known.client;
    if (known !== undefined) known.client.close();
    const client = http2.connect(this.#url);
    const mine = { opened: now, client };
    client.on('error', () => this.#forget(mine));
    client.on('goaway', () => this.#forget(mine));
    client.on('close', () => this.#forget(mine));
    this.#session = mine;
    return client;
  }

  #forget(session: { client: ClientHttp2Session }): void {
    if (this.#session === session) this.#session = undefined;
    session.client.close();
  }
}

/** A body in `count` pieces, `gapMs` apart. */
async function* pieces(text: string, count: number, gapMs: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  const size = Math.ceil(bytes.length / count);
  for (let at = 0; at < bytes.length; at += size) {
    if (at > 0) await sleep(gapMs);
    yield bytes.subarray(at, at + size);
  }
}
