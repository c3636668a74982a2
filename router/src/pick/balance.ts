// Owns the choice of one pod among the addresses of a revision: least outstanding, ties taken in turn.
// Must not know sockets or revisions; the turn and the time come in.

export interface Candidate {
  /** Requests under way. */
  readonly outstanding: number;
  /** Milliseconds on the caller's clock until which this one is better left alone, after failures. */
  readonly avoidUntil: number;
}

/** What one look at the candidates depends on beside themselves. */
export interface Look {
  /** Rises with every look: the search begins there, so that equals are served in turn. */
  turn: number;
  nowMs: number;
}

/**
 * Index of the candidate with the fewest requests under way that is not in `tried`. One that failed lately is taken only if all
 * the others did too. -1 when all were tried.
 */
export function leastOutstanding<T extends Candidate>(candidates: readonly T[], tried: readonly T[], look: Look): number {
  let best = -1;
  let bestRank = Number.POSITIVE_INFINITY;
  const count = candidates.length;
  for (let step = 0; step < count; step++) {
    const index = (look.turn + step) % count;
    const candidate = candidates[index] as T;
    if (tried.length > 0 && tried.includes(candidate)) continue;
    const rank = candidate.outstanding + (candidate.avoidUntil > look.nowMs ? AVOIDED : 0);
    if (rank < bestRank) {
      best = index;
      bestRank = rank;
    }
  }
  return best;
}

/** More than any number of requests under way. */
const AVOIDED = 2 ** 40;
