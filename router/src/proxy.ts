// Owns the order in which a request is handled, as one visible list. Each step answers the request, or leaves it to the next.
// Must not know sockets, Kubernetes or how HTTP is spoken.
import { preflightHeaders } from './cors.ts';
import type { Caller } from './downstream/caller.ts';
import { Exchange } from './exchange.ts';
import type { ExchangeOptions, Request } from './exchange.ts';
import { goodRequestId, pathOf, readRequest } from './headers.ts';
import type { RequestFacts } from './headers.ts';
import { mayNameRole, mayNameVersion } from './pick/pinned.ts';
import { sequence } from './pick/sequence.ts';
import { answerOf } from './problems.ts';
import type { Problem } from './problems.ts';
import { newRequestId } from './request-id.ts';
import type { Binding, Table } from './table/table.ts';
import { Targets } from './targets.ts';
import type { Draws } from './targets.ts';

export interface ProxyOptions extends ExchangeOptions {
  /** The table of this moment. */
  table: () => Table;
  /** Bodies up to this are waited for before a pod is chosen, so that a slow caller does not hold one. */
  waitForBody: number;
  /** A number in [0,1). */
  random: () => number;
}

interface Handling {
  exchange: Exchange;
  request: Request;
  options: ProxyOptions;
  draws: Draws;
}

/** Answers the request and returns true, or returns false. */
type Step = (handling: Handling) => boolean;

function refusing(why: (request: Request, options: ProxyOptions) => Problem | undefined): Step {
  return ({ exchange, request, options }) => {
    const problem = why(request, options);
    if (problem !== undefined) exchange.refuse(problem);
    return problem !== undefined;
  };
}

const VISIBLE = /^[\t\x20-\x7e\x80-\xff]*$/;
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function malformed({ caller, facts, outgoing }: Request): string | undefined {
  if (!METHOD.test(caller.method)) return 'The method is not one.';
  if (outgoing.path === '') return 'The request target is neither a path nor a URL.';
  if (facts.hosts > 1) return 'There is more than one Host header.';
  if (facts.contentLength !== undefined && !Number.isSafeInteger(facts.contentLength)) return 'The content length is not a number.';
  if (!VISIBLE.test(outgoing.host)) return 'The host has characters that no host has.';
  // HTTP/2 carries any Unicode; written into HTTP/1.1, some of it would become a line break.
  if (caller.protocol === 'http2' && !facts.forward.every((text) => VISIBLE.test(text))) return 'A header has characters outside of Latin-1.';
  return undefined;
}

const refuseMalformed = refusing((request) => {
  const detail = malformed(request);
  return detail === undefined ? undefined : { code: 'bad_request', detail };
});

const refuseUpgrades = refusing(({ caller, facts }) => {
  if (caller.method === 'CONNECT') return { code: 'not_supported', detail: 'CONNECT tunnels are not supported.' };
  if (facts.expect !== undefined && facts.expect.toLowerCase() !== '100-continue') return { code: 'expectation_failed', detail: 'Only 100-continue can be expected.' };
  // An offer of HTTP/2 may be ignored; a WebSocket cannot go on without its upgrade.
  if (facts.upgrade?.toLowerCase().includes('websocket') === true) return { code: 'not_supported', detail: 'WebSockets are not supported.' };
  return undefined;
});

const refuseLargeBodies = refusing(({ facts }, { body }) => {
  if ((facts.contentLength ?? 0) <= body.max) return undefined;
  return { code: 'body_too_large', detail: `The body has ${facts.contentLength} bytes; ${body.max} are the limit.` };
});

function answerPreflight({ exchange, request }: Handling): boolean {
  const { caller, facts, binding } = request;
  const { cors } = binding.entry.route;
  if (cors === undefined || caller.method !== 'OPTIONS' || facts.origin === undefined || facts.preflightMethod === undefined) return false;
  exchange.reply(204, preflightHeaders(cors, facts.origin));
  return true;
}

function forward({ exchange, request, options, draws }: Handling): boolean {
  exchange.whenReady(options.waitForBody, () => {
    const { targets, facts, outgoing } = request;
    const wish = { version: facts.modelVersion, mayNameVersion: mayNameVersion(outgoing.path, exchange.body.whole()) };
    const choice = targets.first(wish, draws);
    const placement = choice === 'unavailable' ? undefined : targets.place(choice.backend);
    if (choice === 'unavailable' || placement === undefined) exchange.refuse(UNAVAILABLE);
    else exchange.send(choice.insteadOf === undefined ? placement : { ...placement, insteadOf: choice.insteadOf });
  });
  return true;
}

/** The order in which a request is handled. */
const STEPS: readonly Step[] = [
  // What cannot be passed on safely.
  refuseMalformed,
  // What a proxy cannot carry: tunnels and protocol switches.
  refuseUpgrades,
  // A body that is known to be too large, before it is sent.
  refuseLargeBodies,
  // Browsers ask before they call; pods need not know.
  answerPreflight,
  // Everything else goes to a pod.
  forward,
];

const UNAVAILABLE: Problem = { code: 'unavailable', detail: 'No pod of this service is ready.', headers: ['Retry-After', '1'] };
const UNKNOWN_PORT: Problem = { code: 'unavailable', detail: 'No service is served on this port.', headers: ['Retry-After', '1'] };

const isGrpc = (facts: RequestFacts): boolean => facts.contentType.startsWith('application/grpc');

function outgoingOf(caller: Caller, facts: RequestFacts, requestId: string): Request['outgoing'] {
  const { remoteAddress } = caller;
  const headers = facts.forward;
  headers.push('X-Request-Id', requestId, 'X-Forwarded-For', facts.forwardedFor === undefined ? remoteAddress : `${facts.forwardedFor}, ${remoteAddress}`);
  return { method: caller.method, path: pathOf(caller.target) ?? '', host: caller.authority ?? facts.host, headers };
}

function requestOf(caller: Caller, binding: Binding, options: ProxyOptions): Request {
  const facts = readRequest(caller.headers);
  const requestId = goodRequestId(facts.requestId) ?? newRequestId();
  const outgoing = outgoingOf(caller, facts, requestId);
  const grpc = isGrpc(facts) && caller.protocol === 'http2';
  return { caller, facts, requestId, outgoing, binding, targets: new Targets(binding, options.pods), isGrpc: grpc, tellsRole: grpc || mayNameRole(outgoing.path) };
}

/** What every request of a port draws from; a port keeps its draws whatever its entry becomes. */
function drawsByPort(random: () => number): (port: number) => Draws {
  const all = new Map<number, Draws>();
  return (port) => {
    let draws = all.get(port);
    if (draws === undefined) all.set(port, (draws = { common: sequence(random()), pinned: sequence(random()) }));
    return draws;
  };
}

function refuseUnknown(caller: Caller): void {
  const facts = readRequest(caller.headers);
  const answer = answerOf(UNKNOWN_PORT, goodRequestId(facts.requestId) ?? newRequestId(), isGrpc(facts));
  caller.head(answer.status, answer.headers, answer.body === undefined);
  if (answer.body !== undefined) caller.end(answer.body, []);
}

/** The handler of every request. */
export function createProxy(options: ProxyOptions): (caller: Caller) => void {
  const drawsOf = drawsByPort(options.random);
  return (caller) => {
    const binding = options.table().ports.get(caller.port);
    if (binding === undefined) return refuseUnknown(caller);
    const request = requestOf(caller, binding, options);
    const handling = { exchange: new Exchange(request, options), request, options, draws: drawsOf(caller.port) };
    for (const step of STEPS) if (step(handling)) return;
  };
}
