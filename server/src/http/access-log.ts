// Owns the access log: one structured line for a sampled call, over HTTP and gRPC alike. Sampled by the request id, so that everybody who
// samples at the same rate keeps the same calls; failures have a rate of their own and a bound. Never a body, a header's value beyond
// the ids, or a query.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { rowsIn, type CallResult } from '../pipeline/call.ts';
import { HEADERS } from './request-context.ts';

/** What a protocol knows of an inference call. */
export interface CallNote {
  /** As in the metrics: `native`, `v2`, `tfserving-grpc`, ... */
  protocol: string;
  model: string;
  version: string;
  rows?: number;
  /** Milliseconds by phase. */
  phases?: CallResult['timings'];
  cache?: CallResult['cache'];
  /** Code of the catalogue, where it failed. */
  error?: string;
}

/** Made only for a call that gets a line. */
export type Note = () => CallNote;

/** What the transport knows of it. */
export interface AccessLine {
  reqId: string;
  traceparent: string | undefined;
  method: string;
  /** The route's template, never the path itself: bounded, and without names that callers choose. */
  path: string;
  /** HTTP status, or gRPC's own. */
  status: number;
  ms: number;
  bytesIn: number;
  bytesOut: number;
}

export interface AccessLogOptions {
  /** Share of the calls that are logged, 0 to 1, and of those that failed. */
  sample: number;
  errorSample: number;
  /** Lines for failures in one second; more are counted in the next line. */
  errorsPerSecond?: number;
  write(line: Record<string, unknown>): void;
}

const ERRORS_PER_SECOND = 100;

export class AccessLog {
  readonly #options: Required<AccessLogOptions>;
  #second = 0;
  #errors = 0;
  #dropped = 0;

  constructor(options: AccessLogOptions) {
    this.#options = { errorsPerSecond: ERRORS_PER_SECOND, ...options };
  }

  /** Whether anything is ever logged. */
  get on(): boolean {
    return this.#options.sample > 0 || this.#options.errorSample > 0;
  }

  /**
   * Whether a call gets a line: asked once for each, before anybody makes one.
   * @param now milliseconds on any clock that does not go back
   */
  keeps(reqId: string, failed: boolean, now: number): boolean {
    const { sample, errorSample } = this.#options;
    const share = shareOf(reqId);
    return share < sample || (failed && share < errorSample && this.#admits(now));
  }

  /** The line of a call that gets one. */
  write({ traceparent, ms, ...line }: AccessLine, note: Note | undefined): void {
    const { phases, ...known } = note?.() ?? {};
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#options.write({ ...line, ...(traceparent === undefined ? {} : { traceparent }), ms: rounded(ms), ...known, ...(phases === undefined ? {} : { phases: roundedAll(phases) }), ...(dropped === 0 ? {} : { dropped }) });
  }

  #admits(now: number): boolean {
    const second = Math.floor(now / 1000);
    if (second !== this.#second) this.#errors = 0;
    this.#second = second;
    this.#errors += 1;
    if (this.#errors <= this.#options.errorsPerSecond) return true;
    this.#dropped += 1;
    return false;
  }
}

const rounded = (ms: number): number => Math.round(ms * 1000) / 1000;
const roundedAll = (phases: CallResult['timings']): Record<string, number> => Object.fromEntries(Object.entries(phases).map(([name, ms]) => [name, rounded(ms)]));

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const UINT32 = 2 ** 32;

/** A number from 0 to 1 (excluded) that the id decides; FNV-1a, and a last mix for its high bits. */
export function shareOf(id: string): number {
  let hash = FNV_OFFSET;
  for (let at = 0; at < id.length; at++) hash = Math.imul(hash ^ id.charCodeAt(at), FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / UINT32;
}

/** What is said of a call that ended so. */
export function noteOf(call: Pick<CallNote, 'protocol' | 'model' | 'version'>, result: CallResult | undefined, error: string | undefined): CallNote {
  if (result === undefined) return error === undefined ? call : { ...call, error };
  return { ...call, rows: rowsIn(result), phases: result.timings, ...(result.cache === undefined ? {} : { cache: result.cache }), ...(error === undefined ? {} : { error }) };
}

const notes = new WeakMap<FastifyRequest, Note>();

/** Remembers what a protocol knows of a call until its line is written. */
export function noteCall(request: FastifyRequest, note: Note): void {
  notes.set(request, note);
}

/** Who asks all day whether the server is well is not logged. */
const PROBES = /^\/(?:health|metrics|ping$|v2\/health|monitoring)/;

export function addAccessLog(app: FastifyInstance, log: AccessLog): void {
  if (!log.on) return;
  app.addHook('onResponse', (request, reply, done) => {
    const path = request.routeOptions.url ?? '';
    if (!PROBES.test(path) && log.keeps(request.id, reply.statusCode >= 400, performance.now())) log.write(lineOf(request, reply, path), notes.get(request));
    done();
  });
}

function lineOf(request: FastifyRequest, reply: FastifyReply, path: string): AccessLine {
  const trace = request.headers[HEADERS.traceparent];
  const { body } = request;
  return {
    reqId: request.id,
    traceparent: typeof trace === 'string' ? trace : undefined,
    method: request.method,
    path,
    status: reply.statusCode,
    ms: reply.elapsedTime,
    bytesIn: Number(request.headers['content-length'] ?? (Buffer.isBuffer(body) ? body.byteLength : 0)),
    bytesOut: Number(reply.getHeader('content-length') ?? 0),
  };
}
