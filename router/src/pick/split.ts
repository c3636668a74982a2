// Owns which revision a point of [0,1) belongs to, and who inherits the share of a revision that cannot answer.
// Must not know addresses, requests or where the point comes from.
import type { RouteBackend } from '@slipway/api';

export interface Split {
  /** Backends that may get public traffic, from the low end of [0,1) to the high end. */
  readonly backends: readonly RouteBackend[];
  /** Upper bound of each backend's interval. */
  readonly upTo: readonly number[];
  /** Who answers instead of a silent revision: by falling weight, then those of weight 0 that may. */
  readonly heirs: readonly RouteBackend[];
}

export interface Choice {
  backend: RouteBackend;
  /** The revision whose share this is, when it had no endpoint to answer with. */
  insteadOf?: RouteBackend;
}

/** The candidate lies at the low end, so that whoever saw it at 10 % still sees it at 20 %. */
const ORDER = { canary: 0, preview: 1, previous: 2, stable: 3 } as const;

/** A candidate that was given no weight was given none on purpose; the former and the stable revision can always stand in. */
const mayStandIn = (backend: RouteBackend): boolean => backend.weight > 0 || backend.role === 'stable' || backend.role === 'previous';

/** Lays the weights out on [0,1). Weights sum to 100, or are all 0: then nothing is chosen. */
export function splitOf(backends: readonly RouteBackend[]): Split {
  const sharing = backends.filter((b) => b.weight > 0).sort((a, b) => ORDER[a.role] - ORDER[b.role]);
  let sum = 0;
  const upTo = sharing.map((b) => (sum += b.weight) / 100);
  const heirs = sharing.length === 0 ? [] : backends.filter(mayStandIn).sort((a, b) => b.weight - a.weight);
  return { backends: sharing, upTo, heirs };
}

/** The backend at `u` if it is live, else the first live heir. Undefined when nobody can answer. */
export function choose(split: Split, u: number, isLive: (revision: string) => boolean): Choice | undefined {
  const at = split.upTo.findIndex((bound) => u < bound);
  const owner = split.backends[at];
  if (owner === undefined) return undefined;
  if (isLive(owner.revision)) return { backend: owner };
  const heir = split.heirs.find((b) => isLive(b.revision));
  return heir === undefined ? undefined : { backend: heir, insteadOf: owner };
}
