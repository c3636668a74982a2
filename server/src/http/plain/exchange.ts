// Owns a call on the short way (docs/adr/0013) between its bytes and its protocol: what app.ts has Fastify do for every request, for those that
// need nothing else of it. Request id, trace parent and revision, compression, access log. Must not know models or sockets.
import { STATUS_CODES, validateHeaderValue } from 'node:http';
import type { PlainHead } from '@slipway/api/http1';
import type { HttpAnswer } from '../answer.ts';
import { VARY, deflatedFor, worthIt } from '../compression.ts';
import { varyOf } from '../cors.ts';
import type { AccessLog, Note } from '../access-log.ts';
import { asInferenceError, type InferenceError } from '../../inference/errors.ts';
import { HEADERS, requestIdOf } from '../request-context.ts';
import type { PlainCall, PlainCaller } from './connections.ts';

/** A request as its protocol sees it. */
export interface PlainRequest {
  id: string;
  /** By lower-case name; each came once. */
  headers: ReadonlyMap<string, string>;
  body: Buffer;
  /** Milliseconds on the monotonic clock. */
  began: number;
  /** Its `aborted` becomes true when the caller hangs up. */
  signal: { readonly aborted: boolean };
  /** Told what the access log may say of the call. */
  note: (note: Note) => void;
  /** Told what the server itself got wrong. */
  failed: (error: InferenceError) => void;
}

/** All said, so that every answer has the same shape to V8. */
export type PlainAnswer = Required<HttpAnswer>;

/** A path that is answered on the short way. */
export interface PlainRoute {
  /** The route's template, for the access log. */
  template: string;
  /** Answers whatever happens: it never throws. */
  answer(request: PlainRequest): Promise<PlainAnswer>;
}

export interface ExchangeOptions {
  revision: string | undefined;
  origins: readonly string[];
  access: AccessLog;
  /** Told of every call that the server itself got wrong. */
  failed: (error: InferenceError, requestId: string) => void;
  /** Who answers a POST to this target. */
  route: (target: string) => PlainRoute | undefined;
}

/** Bodies that a route reads as they are; what Fastify refuses by its type is for Fastify. */
const TYPES: ReadonlySet<string | undefined> = new Set([undefined, 'application/json', 'application/json; charset=utf-8', 'application/json;charset=utf-8', 'application/octet-stream']);
/** Requests with one of these need a hook that is not here. */
const ELSEWHERE: readonly string[] = ['content-encoding', 'origin', 'access-control-request-method'];

/** Who answers plain requests, for PlainConnections. What a head means never changes: connections remember it. */
export function plainExchange(options: ExchangeOptions): (head: PlainHead) => PlainCall | undefined {
  const fixed = fixedFields(options);
  return (head) => {
    const route = head.method === 'POST' ? options.route(head.target) : undefined;
    if (route === undefined) return undefined;
    const headers = headersOf(head);
    if (headers === undefined || !TYPES.has(headers.get('content-type')?.toLowerCase()) || ELSEWHERE.some((name) => headers.has(name))) return undefined;
    return (body, caller) => void new Exchange(options, route, headers).run(body, caller, fixed);
  };
}

/** By lower-case name; undefined if one comes twice, which means different things for different names. */
function headersOf({ headers }: PlainHead): Map<string, string> | undefined {
  const byName = new Map<string, string>();
  for (let at = 0; at < headers.length; at += 2) byName.set((headers[at] as string).toLowerCase(), headers[at + 1] as string);
  return byName.size * 2 === headers.length ? byName : undefined;
}

/** What every answer says: with a large body, the one word for Vary is that of compression. */
interface Fixed {
  revision: string;
  vary: string;
}

function fixedFields({ revision, origins }: ExchangeOptions): Fixed {
  const vary = varyOf(origins);
  return { revision: revision === undefined ? '' : field(HEADERS.revision, revision), vary: vary === undefined ? '' : field('vary', vary) };
}

/** @throws TypeError for a value that no header may have */
function field(name: string, value: string): string {
  validateHeaderValue(name, value);
  return `${name}: ${value}\r\n`;
}

class Exchange {
  readonly #options: ExchangeOptions;
  readonly #route: PlainRoute;
  readonly #headers: ReadonlyMap<string, string>;
  readonly #id: string;
  readonly #began = performance.now();
  #note: Note | undefined;

  constructor(options: ExchangeOptions, route: PlainRoute, headers: ReadonlyMap<string, string>) {
    this.#options = options;
    this.#route = route;
    this.#headers = headers;
    this.#id = requestIdOf(headers.get(HEADERS.requestId));
  }

  async run(body: Buffer, caller: PlainCaller, fixed: Fixed): Promise<void> {
    try {
      const answer = await this.#route.answer(this.#requestOf(body, caller));
      const large = worthIt(answer.body);
      const deflated = large === undefined ? undefined : deflatedFor(this.#headers.get('accept-encoding'), large);
      const sent = deflated === undefined ? answer.body : await deflated.body;
      const bytesOut = typeof sent === 'string' ? Buffer.byteLength(sent) : sent.byteLength;
      const vary = large === undefined ? fixed.vary : `vary: ${VARY}\r\n`;
      const encoding = deflated === undefined ? '' : `content-encoding: ${deflated.encoding}\r\n`;
      caller.answer(`${this.#headText(answer, fixed.revision)}${vary}${encoding}content-length: ${String(bytesOut)}\r\n`, sent, bytesOut);
      this.#record(answer.status, { bytesIn: body.byteLength, bytesOut });
    } catch (error) {
      // Routes do not throw: a field that no header may have, or a compressor that failed.
      this.#options.failed(asInferenceError(error), this.#id);
      caller.answer(`HTTP/1.1 500 Internal Server Error\r\n${HEADERS.requestId}: ${this.#id}\r\ncontent-length: 0\r\n`, '', 0);
    }
  }

  #requestOf(body: Buffer, signal: { readonly aborted: boolean }): PlainRequest {
    return {
      id: this.#id,
      headers: this.#headers,
      body,
      began: this.#began,
      signal,
      note: (note) => { this.#note = note; },
      failed: (error) => { this.#options.failed(error, this.#id); },
    };
  }

  #headText(answer: PlainAnswer, revision: string): string {
    const { status, headers } = answer;
    const trace = this.#headers.get(HEADERS.traceparent);
    let text = `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? 'unknown'}\r\n${HEADERS.requestId}: ${this.#id}\r\n`;
    if (trace !== undefined) text += `${HEADERS.traceparent}: ${trace}\r\n`;
    text += revision;
    for (const name in headers) text += field(name, headers[name] as string);
    return `${text}content-type: ${typeOf(answer)}\r\n`;
  }

  #record(status: number, { bytesIn, bytesOut }: { bytesIn: number; bytesOut: number }): void {
    const { access } = this.#options;
    if (!access.on) return;
    const now = performance.now();
    if (!access.keeps(this.#id, status >= 400, now)) return;
    access.write({ reqId: this.#id, traceparent: this.#headers.get(HEADERS.traceparent), method: 'POST', path: this.#route.template, status, ms: now - this.#began, bytesIn, bytesOut }, this.#note);
  }
}

/** As Fastify does: JSON that is text says its charset. */
const typeOf = ({ type, body, bare }: PlainAnswer): string => (!bare && typeof body === 'string' && type === 'application/json' ? `${type}; charset=utf-8` : type);
