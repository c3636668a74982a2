// Owns what the headers of a request and of an answer mean to a proxy: one pass over each decides what is passed on.
// Must not know sockets, routes or pods.
import type { FlatHeaders } from './upstream/exchange.ts';

export interface RequestFacts {
  /** What is passed on: without host, framing, hop-by-hop and the router's own headers. */
  forward: FlatHeaders;
  hosts: number;
  host: string;
  contentLength: number | undefined;
  contentType: string;
  expect: string | undefined;
  upgrade: string | undefined;
  /** Model version the caller pins by header. */
  modelVersion: string | undefined;
  requestId: string | undefined;
  origin: string | undefined;
  /** Method that a CORS preflight asks about. */
  preflightMethod: string | undefined;
  forwardedFor: string | undefined;
}

export const MODEL_VERSION_HEADER = 'Slipway-Model-Version';
export const REVISION_HEADER = 'Slipway-Revision';
export const REQUEST_ID_HEADER = 'X-Request-Id';
/** Tells a pod what its revision is at this moment, where the caller may ask for it by that name. */
export const ROLE_HEADER = 'Slipway-Role';

/** Belong to one connection and end here (RFC 9110 section 7.6.1). */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings']);

type Note = (facts: RequestFacts, value: string) => void;
interface Meaning {
  note: Note;
  /** Not passed on as it is. */
  drop: boolean;
}
const ignore: Note = () => undefined;

/** Headers of a request that mean something here. Those that are not passed on as they are have `drop`. */
const NOTES: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['host', { drop: true, note: (f, v) => { f.hosts++; f.host = v; } }],
  ['content-length', { drop: true, note: (f, v) => { f.contentLength = Number(v); } }],
  ['content-type', { drop: false, note: (f, v) => { f.contentType = v; } }],
  ['expect', { drop: true, note: (f, v) => { f.expect = v; } }],
  ['upgrade', { drop: true, note: (f, v) => { f.upgrade = v; } }],
  ['slipway-model-version', { drop: false, note: (f, v) => { f.modelVersion = v; } }],
  ['slipway-role', { drop: true, note: () => undefined }],
  ['x-request-id', { drop: true, note: (f, v) => { f.requestId = v; } }],
  ['origin', { drop: false, note: (f, v) => { f.origin = v; } }],
  ['access-control-request-method', { drop: false, note: (f, v) => { f.preflightMethod = v; } }],
  ...[...HOP_BY_HOP].filter((name) => name !== 'upgrade').map((name): [string, Meaning] => [name, { drop: true, note: ignore }]),
  ['x-forwarded-for', { drop: true, note: (f, v) => { f.forwardedFor = f.forwardedFor === undefined ? v : `${f.forwardedFor}, ${v}`; } }],
]);

/** Names that the Connection header declares to be of this connection only. What frames a message cannot be declared away. */
function declared(headers: FlatHeaders): ReadonlySet<string> | undefined {
  let names: Set<string> | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    const value = (headers[i + 1] as string).toLowerCase();
    if (value === 'keep-alive' || value === 'close') continue;
    for (const token of value.split(',')) (names ??= new Set()).add(token.trim());
  }
  names?.delete('host');
  names?.delete('content-length');
  return names;
}

function emptyFacts(): RequestFacts {
  return {
    forward: [],
    hosts: 0,
    host: '',
    contentLength: undefined,
    contentType: '',
    expect: undefined,
    upgrade: undefined,
    modelVersion: undefined,
    requestId: undefined,
    origin: undefined,
    preflightMethod: undefined,
    forwardedFor: undefined,
  };
}

/** Reads a request's headers once. */
export function readRequest(headers: FlatHeaders): RequestFacts {
  const facts = emptyFacts();
  const dropped = declared(headers);
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    const lower = name.toLowerCase();
    const known = NOTES.get(lower);
    known?.note(facts, value);
    if (known?.drop === true || dropped?.has(lower) === true) continue;
    facts.forward.push(name, value);
  }
  return facts;
}

export interface AnswerFacts {
  headers: FlatHeaders;
  /** Version that the server says it answered with. */
  modelVersion: string | undefined;
}

/** What a pod says that is not passed on: what belongs to its connection, and what the router sets on every answer. */
const NOT_PASSED = new Set([...HOP_BY_HOP, 'slipway-revision', 'slipway-model-version', 'x-request-id']);

/** Headers of a pod's answer that are passed on. With `cors`, the pod's own CORS headers are not. */
export function readAnswer(headers: FlatHeaders, cors: boolean): AnswerFacts {
  const passed: FlatHeaders = [];
  const dropped = declared(headers);
  let modelVersion: string | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const lower = name.toLowerCase();
    if (lower === 'slipway-model-version') modelVersion = headers[i + 1];
    if (NOT_PASSED.has(lower) || dropped?.has(lower) === true) continue;
    if (cors && lower.startsWith('access-control-')) continue;
    passed.push(name, headers[i + 1] as string);
  }
  return { headers: passed, modelVersion };
}

const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;
/** Visible characters only: what is written into a request line must not end it. */
const TARGET = /^\/[\x21-\x7e\x80-\xff]*$/;
const ABSOLUTE = /^https?:\/\/[^/?#]*/i;

/** A request id that a caller gave, if it is fit to be passed on. */
export function goodRequestId(given: string | undefined): string | undefined {
  return given !== undefined && REQUEST_ID.test(given) ? given : undefined;
}

/** Path and query of a request target in any of its forms; undefined if it is none. */
export function pathOf(target: string): string | undefined {
  if (TARGET.test(target)) return target;
  if (target === '*') return target;
  if (!ABSOLUTE.test(target)) return undefined;
  const rest = target.replace(ABSOLUTE, '');
  const path = rest.startsWith('/') ? rest : `/${rest}`;
  return TARGET.test(path) ? path : undefined;
}
