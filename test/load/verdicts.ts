// Owns the aims of the bench of the router and what the figures say about them. Pure; must not know how the figures come about.

/** What was seen of the proxy's core while a target ran. */
export interface OnCore {
  /** Part of the core that other processes had, 0 to 1. */
  others: number;
}

/** A closed loop: one target at one number of connections. Times in microseconds. */
export interface Run extends OnCore {
  rate: number;
  p50: number;
  /** wrk adds the requests that would have come while the target stood still: one standstill of 200 ms in 2 s makes it about 180 ms. */
  p99: number;
  /** Requests per CPU second of the proxy; 0: there is no proxy. */
  perCore: number;
  anonMb: number;
}

/** An open loop at a fixed rate. Times in microseconds, from the moment a request was due. */
export interface OpenLoop extends OnCore {
  answered: number;
  unanswered: number;
  bad: number;
  p50: number;
  p99: number;
  /** How late the client itself took up what was due. */
  late99: number;
  /** Parts of a core, 0 to 1. */
  proxyBusy: number;
  clientBusy: number;
}

export interface Measured {
  /** By number of connections, then by target. */
  runs: ReadonlyMap<number, ReadonlyMap<string, Run>>;
  openLoops: ReadonlyMap<string, OpenLoop>;
}

export interface Verdict {
  aim: string;
  /** The router's figure as a multiple of HAProxy's; undefined: not measured. */
  figure: number | undefined;
  verdict: string;
}

/** A client whose core is busier than this, or who is late for more than half of what it measured, measures itself. */
const CLIENT_BUSY_MAX = 0.9;
const CLIENT_LATE_SHARE = 0.5;
/** A proxy that others take more of its core from waits for them: its slowest answers are theirs. */
const OTHERS_MAX = 0.1;

export function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

function judged(aim: string, figure: number | undefined, met: (figure: number) => boolean): Verdict {
  if (figure === undefined || !Number.isFinite(figure)) return { aim, figure: undefined, verdict: 'not measured' };
  return { aim, figure, verdict: met(figure) ? 'met' : 'missed' };
}

/** The router's figure as a multiple of HAProxy's. */
function ratio<T>(of: ReadonlyMap<string, T> | undefined, read: (one: T) => number): number | undefined {
  const [router, haproxy] = [of?.get('router'), of?.get('haproxy')];
  return router === undefined || haproxy === undefined ? undefined : read(router) / read(haproxy);
}

function addedRatio(runs: ReadonlyMap<string, Run> | undefined): number | undefined {
  const direct = runs?.get('direct');
  return direct === undefined ? undefined : ratio(runs, (run) => run.p50 - direct.p50);
}

/** Why the open loop of a target says more about the client or the machine than about the proxy; undefined if it does not. */
function limitOf({ clientBusy, late99, p99, others }: OpenLoop): string | undefined {
  if (clientBusy > CLIENT_BUSY_MAX) return `the client's core was ${(clientBusy * 100).toFixed(0)} % busy`;
  if (late99 > p99 * CLIENT_LATE_SHARE) return `the client was ${(late99 / 1000).toFixed(1)} ms late itself`;
  if (others > OTHERS_MAX) return `other processes had ${(others * 100).toFixed(0)} % of the proxy's core`;
  return undefined;
}

function tail(openLoops: ReadonlyMap<string, OpenLoop>): Verdict {
  const verdict = judged('p99 at 70 % load, of HAProxy\'s: at most 2', ratio(openLoops, (run) => run.p99), (figure) => figure <= 2);
  const limits = ['router', 'haproxy'].flatMap((name) => {
    const run = openLoops.get(name);
    const limit = run === undefined ? undefined : limitOf(run);
    return limit === undefined ? [] : [`${name}: ${limit}`];
  });
  return limits.length === 0 ? verdict : { ...verdict, verdict: `not judged (${limits.join('; ')}): client and proxy need a core of their own` };
}

/** What the figures say about each aim. */
export function verdictsOf({ runs, openLoops }: Measured): Verdict[] {
  const perCore = (connections: number): Verdict =>
    judged(`requests per CPU second at ${connections} connections, of HAProxy's: 0.5`, ratio(runs.get(connections), (run) => run.perCore), (figure) => figure >= 0.5);
  return [perCore(32), perCore(128), judged('added p50 at 1 connection, of HAProxy\'s: at most 1.5', addedRatio(runs.get(1)), (figure) => figure <= 1.5), tail(openLoops)];
}
