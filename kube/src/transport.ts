// Owns the one keep-alive HTTP/1.1 pool to an API server: headers, deadlines, and turning every failure into the error catalogue.
// Must not know verbs' meaning, kinds or caches.
import { Pool } from 'undici';
import type { Dispatcher } from 'undici';
import type { Connection } from './auth/connection.ts';
import type { Clock } from './clock.ts';
import { ApiError, TransportError, transportErrorOf } from './errors.ts';
import type { KubeStatus } from './types.ts';

export interface Call {
  /** For metrics: get, list, create, apply, patch, delete or watch. */
  verb: string;
  /** For metrics: plural of the resource, with the subresource if any. */
  resource: string;
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string | undefined>;
  body?: unknown;
  contentType?: string;
  accept?: string;
  /** Milliseconds until headers must have come, and between two pieces of the body. A watch's headers come at once, its pieces rarely. */
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
}

export interface RequestReport {
  verb: string;
  resource: string;
  /** HTTP status, or the TransportFailure's name when there was none. */
  code: string;
  seconds: number;
}

export interface TransportOptions {
  connection: Connection;
  clock: Clock;
  userAgent: string;
  /** Milliseconds until headers must have come, and between two pieces of a body, for calls that do not say. */
  timeoutMs?: number;
  /** Called once per request, when its answer (for a watch: its headers) is in. */
  onRequest?: (report: RequestReport) => void;
}

export interface Transport {
  /** The parsed JSON answer. Rejects with ApiError or TransportError. */
  json(call: Call): Promise<unknown>;
  /** The body as text pieces, as they come; breaking off the loop ends the request. Rejects like `json`, also in mid-stream. */
  stream(call: Call): Promise<AsyncIterable<string>>;
  /** Ends every request, also those under way. */
  close(): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 30_000;
/** The whole answer may take this many times the timeout: with the default a minute, as long as the API server works on a request. */
const WHOLE_ANSWER = 2;
const CONNECT_TIMEOUT_MS = 10_000;
/** Shorter than the API server's own idle timeout, so that it is always us who close an idle connection. */
const KEEP_ALIVE_MS = 30_000;

function pathWithQuery(prefix: string, call: Call): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(call.query ?? {})) if (value !== undefined) query.set(key, value);
  const text = query.toString();
  return `${prefix}${call.path}${text === '' ? '' : `?${text}`}`;
}

function statusOf(text: string, code: number): KubeStatus {
  try {
    const parsed = JSON.parse(text) as unknown;
    if (typeof parsed === 'object' && parsed !== null && (parsed as KubeStatus).kind === 'Status') return parsed;
  } catch {
    // Not the API server's own words (a proxy's page, say): quote them below.
  }
  return { code, message: text.trim().slice(0, 500) || `the API server answered ${code} without a word` };
}

function retryAfterOf(headers: Dispatcher.ResponseData['headers']): number | undefined {
  const seconds = Number(headers['retry-after'] ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}

class PooledTransport implements Transport {
  private readonly options: TransportOptions;
  private readonly prefix: string;
  private readonly pool: Pool;

  constructor(options: TransportOptions) {
    this.options = options;
    const server = new URL(options.connection.server);
    this.prefix = server.pathname.replace(/\/+$/, '');
    this.pool = new Pool(server.origin, {
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connect: { ...options.connection.tls, timeout: Math.min(CONNECT_TIMEOUT_MS, options.timeoutMs ?? CONNECT_TIMEOUT_MS) } as Pool.Options['connect'] & object,
    });
  }

  /** Bytes that trickle in keep a connection busy for ever, so the whole answer has a deadline too. */
  async json(call: Call): Promise<unknown> {
    const deadline = new AbortController();
    const wholeMs = WHOLE_ANSWER * this.timeoutOf(call);
    const late = new TransportError('Timeout', `${call.method} ${call.path}: no whole answer within ${wholeMs / 1000} s`);
    const cancel = this.options.clock.after(wholeMs, () => deadline.abort(late));
    const signal = call.signal === undefined ? deadline.signal : AbortSignal.any([call.signal, deadline.signal]);
    try {
      return await this.measured({ ...call, signal }, async (response) => parse(await response.body.text(), call));
    } finally {
      cancel();
    }
  }

  stream(call: Call): Promise<AsyncIterable<string>> {
    return this.measured(call, (response) => Promise.resolve(pieces(response.body, call)));
  }

  close(): Promise<void> {
    return this.pool.destroy();
  }

  private async measured<T>(call: Call, read: (response: Dispatcher.ResponseData) => Promise<T>): Promise<T> {
    const { clock, onRequest } = this.options;
    const startedAt = clock.monotonic();
    const report = (code: string): void =>
      onRequest?.({ verb: call.verb, resource: call.resource, code, seconds: (clock.monotonic() - startedAt) / 1000 });
    try {
      const response = await this.answer(call);
      const value = await read(response);
      report(String(response.statusCode));
      return value;
    } catch (error) {
      const known = transportErrorOf(error, `${call.method} ${call.path}`);
      report(known instanceof ApiError ? String(known.status) : known.failure);
      throw known;
    }
  }

  /** The answer's head, once it is known to be good; a 401 is tried again with fresh credentials, once. */
  private async answer(call: Call): Promise<Dispatcher.ResponseData> {
    let response = await this.send(call, false);
    if (response.statusCode === 401) {
      await response.body.dump();
      response = await this.send(call, true);
    }
    if (response.statusCode < 400) return response;
    throw new ApiError(response.statusCode, statusOf(await response.body.text(), response.statusCode), retryAfterOf(response.headers));
  }

  private timeoutOf(call: Call): number {
    return call.timeoutMs ?? this.options.timeoutMs ?? REQUEST_TIMEOUT_MS;
  }

  private async send(call: Call, fresh: boolean): Promise<Dispatcher.ResponseData> {
    const timeout = this.timeoutOf(call);
    return this.pool.request({
      method: call.method,
      path: pathWithQuery(this.prefix, call),
      headers: {
        accept: call.accept ?? 'application/json',
        'user-agent': this.options.userAgent,
        ...(await this.options.connection.headers(fresh)),
        ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
      },
      body: call.body === undefined ? null : JSON.stringify(call.body),
      headersTimeout: Math.min(timeout, this.options.timeoutMs ?? REQUEST_TIMEOUT_MS),
      bodyTimeout: timeout,
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
  }
}

/** A transport to one API server. Opens nothing before the first call. */
export const createTransport = (options: TransportOptions): Transport => new PooledTransport(options);

function parse(text: string, call: Call): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new TransportError('BadAnswer', `${call.method} ${call.path}: the answer is not JSON`, { cause: error });
  }
}

async function* pieces(body: Dispatcher.ResponseData['body'], call: Call): AsyncIterable<string> {
  const decoder = new TextDecoder();
  try {
    for await (const chunk of body) yield decoder.decode(chunk as Buffer, { stream: true });
  } catch (error) {
    throw transportErrorOf(error, `${call.method} ${call.path}`);
  }
}
