// Owns how requests followed the weights: how long after a change until they did, and how near they came. Must not know operations.
import { LANES } from './load/protocol.ts';
import type { Sent, WeightChange } from './journal.ts';

/** A change of weights, the requests of its service until the next one, and how long they took to follow. */
export interface Followed {
  change: WeightChange;
  /** Milliseconds from the written route to the first request from which on all follow the new weights; undefined: too few were sent to tell. */
  delayMs?: number;
  /** Milliseconds from the written route to the status that tells of it. */
  acknowledgedMs?: number;
}

/** Requests that show a share: fewer tell nothing. */
const WINDOW = 40;
/** Requests by which a window may be off: a few for each of two routers. */
const FEW = 8;
/** Milliseconds after which the observed split is compared with the wanted one. */
const SETTLED_MS = 1000;

/** Routers may hear of a change this much sooner than the run does: such requests belong to the next span. */
const EARLY_MS = 100;

interface Span {
  change: WeightChange;
  before: Record<string, number>;
  /** Requests due and answered in the span, in order. */
  sent: Sent[];
}

/** Splits what was sent to each service at its changes of weights. */
function spansOf(sent: readonly Sent[], changes: readonly WeightChange[], ended: number): Span[] {
  const spans: Span[] = [];
  for (const service of new Set(changes.map((each) => each.service))) {
    const own = changes.filter((each) => each.service === service);
    const answered = sent.filter((each) => each.target === service && each.revision !== undefined).sort((a, b) => a.due - b.due);
    own.forEach((change, index) => {
      const until = own[index + 1]?.at ?? ended;
      spans.push({ change, before: own[index - 1]?.weights ?? {}, sent: answered.filter((each) => each.due >= change.at && each.due + each.ms < until - EARLY_MS) });
    });
  }
  return spans;
}

const countOf = (sent: readonly Sent[], revision: string): number => sent.filter((each) => each.revision === revision).length;

/** From which request on a share that has changed but was there before is seen: the first window that fits it. */
function windowDelay(sent: readonly Sent[], revision: string, weight: number, at: number): number | undefined {
  for (let first = 0; first + WINDOW <= sent.length; first += 1) {
    const seen = countOf(sent.slice(first, first + WINDOW), revision);
    if (Math.abs(seen - (WINDOW * weight) / 100) <= FEW) return (sent[first]?.due ?? at) - at;
  }
  return undefined;
}

/** What one revision's new weight took: gone, come, or changed. */
function delayOf(sent: readonly Sent[], { change, before }: Span, revision: string): number | undefined {
  const then = before[revision] ?? 0;
  const now = change.weights[revision] ?? 0;
  if (now === 0) return (sent.findLast((each) => each.revision === revision)?.due ?? change.at) - change.at;
  const first = sent.find((each) => each.revision === revision);
  if (then === 0) return first === undefined ? undefined : first.due - change.at;
  return windowDelay(sent, revision, now, change.at);
}

function followed(span: Span): Followed {
  const { change, before } = span;
  const quick = span.sent.filter((each) => LANES[each.lane].quick);
  const moved = [...new Set([...Object.keys(before), ...Object.keys(change.weights)])].filter((revision) => before[revision] !== change.weights[revision]);
  const delays = moved.map((revision) => delayOf(quick, span, revision));
  const known = quick.length >= WINDOW && delays.length > 0 && delays.every((each) => each !== undefined);
  return {
    change,
    ...(known ? { delayMs: Math.max(...delays) } : {}),
    ...(change.acknowledgedAt === undefined ? {} : { acknowledgedMs: change.acknowledgedAt - change.at }),
  };
}

/** How long requests took to follow each change of weights. The first weights of a service replace none. */
export const followedChanges = (sent: readonly Sent[], changes: readonly WeightChange[], ended: number): Followed[] =>
  spansOf(sent, changes, ended)
    .filter((span) => Object.keys(span.before).length > 0)
    .map(followed);

/** Requests at one share, over the whole run. */
export interface SplitSeen {
  /** Percent that the revision with the smaller share should get. */
  weight: number;
  spans: number;
  requests: number;
  wanted: number;
  seen: number;
  /** Most requests by which one span was off. */
  worst: number;
}

/** The observed split against the wanted one, by weight, from a second after each change on. */
export function splitsSeen(sent: readonly Sent[], changes: readonly WeightChange[], ended: number): SplitSeen[] {
  const byWeight = new Map<number, SplitSeen>();
  for (const { change, sent: all } of spansOf(sent, changes, ended)) {
    const [smaller, other] = Object.entries(change.weights).sort(([, a], [, b]) => a - b);
    if (smaller === undefined || other === undefined) continue;
    const [revision, weight] = smaller;
    const steady = all.filter((each) => each.due >= change.at + SETTLED_MS);
    if (steady.length === 0) continue;
    const sum = byWeight.get(weight) ?? { weight, spans: 0, requests: 0, wanted: 0, seen: 0, worst: 0 };
    const seen = countOf(steady, revision);
    const wanted = (steady.length * weight) / 100;
    byWeight.set(weight, { weight, spans: sum.spans + 1, requests: sum.requests + steady.length, wanted: sum.wanted + wanted, seen: sum.seen + seen, worst: Math.max(sum.worst, Math.abs(seen - wanted)) });
  }
  return [...byWeight.values()].sort((a, b) => a.weight - b.weight);
}
