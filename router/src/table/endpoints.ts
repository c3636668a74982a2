// Owns which pod addresses of a revision get traffic, from the EndpointSlices of its headless Service.
// Must not know sockets or load.

export interface SliceEndpoint {
  addresses: string[];
  conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean };
}

/** What is read of an EndpointSlice. */
export interface Slice {
  revision: string;
  endpoints: readonly SliceEndpoint[];
}

/** Pod addresses by revision, each list sorted and without doubles. */
export type Addresses = ReadonlyMap<string, readonly string[]>;

/** Absent means unknown, and unknown counts as ready (the API's own rule). */
const isReady = ({ conditions = {} }: SliceEndpoint): boolean => conditions.ready !== false;
/** A terminating pod that still answers its probe: used only when there is no better one. */
const stillServes = ({ conditions = {} }: SliceEndpoint): boolean => conditions.serving === true && conditions.terminating === true;

/** Of slices that were deleted, those of revisions that have none any more: a slice that exists tells more, even an empty one. */
export function lastKnownOf(present: readonly Slice[], gone: Iterable<Slice>): Slice[] {
  const known = new Set(present.map(({ revision }) => revision));
  return [...gone].filter(({ revision }) => !known.has(revision));
}

/** Ready addresses; a revision that has none ready but some still serving while they terminate gets those. */
export function addressesOf(slices: Iterable<Slice>): Addresses {
  const byRevision = new Map<string, SliceEndpoint[]>();
  for (const slice of slices) byRevision.set(slice.revision, [...(byRevision.get(slice.revision) ?? []), ...slice.endpoints]);
  const result = new Map<string, string[]>();
  for (const [revision, endpoints] of byRevision) {
    const ready = endpoints.filter(isReady);
    const usable = ready.length > 0 ? ready : endpoints.filter(stillServes);
    // All addresses of one endpoint are the same pod, so only the first is used.
    result.set(revision, [...new Set(usable.flatMap((e) => e.addresses.slice(0, 1)))].sort());
  }
  return result;
}

/**
 * Addresses that are there but not ready, by revision: they may be starting, or too busy to answer their probe. Whether one was ready
 * before is not known here.
 */
export function unreadyOf(slices: Iterable<Slice>): Addresses {
  const result = new Map<string, string[]>();
  for (const { revision, endpoints } of slices) {
    const unready = endpoints.filter((e) => !isReady(e)).flatMap((e) => e.addresses.slice(0, 1));
    if (unready.length > 0) result.set(revision, [...new Set([...(result.get(revision) ?? []), ...unready])].sort());
  }
  return result;
}
