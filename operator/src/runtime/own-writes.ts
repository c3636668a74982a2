// Owns the guard that a key never acts on a cache older than its own last writes. Must not read or write anything itself.
import { compareResourceVersions } from '@slipway/kube';
import type { Clock, KubeObject, ResourceType } from '@slipway/kube';
import { isOptional, typeOf } from './managed-types.ts';

/** True if the cache of that type and namespace has shown everything up to the version. */
export type HasSeen = (type: ResourceType, namespace: string, resourceVersion: string) => boolean;

/** Milliseconds after which a cache that still lags is no longer waited for: every write is guarded by its own precondition as well. */
const PATIENCE_MS = 60_000;
/** The same for types that serving does not need: their caches may stand still, for want of rights or by a broken CRD. */
const OPTIONAL_PATIENCE_MS = 2_000;

const patienceMs = (type: ResourceType): number => (isOptional(type) ? OPTIONAL_PATIENCE_MS : PATIENCE_MS);

interface Expectation {
  type: ResourceType;
  namespace: string;
  resourceVersion: string;
  since: number;
}

export interface OwnWrites {
  /** A write for the key was answered with this object. */
  note(key: string, written: KubeObject): void;
  /** The resource whose cache has not yet shown what the key wrote; undefined when all have. */
  lagging(key: string): string | undefined;
  forget(key: string): void;
}

/** A guard over the given caches. */
export function createOwnWrites(hasSeen: HasSeen, clock: Clock): OwnWrites {
  const expected = new Map<string, Map<string, Expectation>>();
  const isOpen = (e: Expectation): boolean => clock.monotonic() - e.since < patienceMs(e.type) && !hasSeen(e.type, e.namespace, e.resourceVersion);
  return {
    note(key, written) {
      const { resourceVersion, namespace = '' } = written.metadata;
      if (resourceVersion === undefined) return;
      const type = typeOf(written);
      const ofKey = expected.get(key) ?? new Map<string, Expectation>();
      const newest = ofKey.get(type.plural);
      if (newest !== undefined && (compareResourceVersions(newest.resourceVersion, resourceVersion) ?? -1) >= 0) return;
      ofKey.set(type.plural, { type, namespace, resourceVersion, since: clock.monotonic() });
      expected.set(key, ofKey);
    },
    lagging(key) {
      for (const [plural, expectation] of expected.get(key) ?? []) {
        if (isOpen(expectation)) return plural;
        expected.get(key)?.delete(plural);
      }
      expected.delete(key);
      return undefined;
    },
    forget: (key) => void expected.delete(key),
  };
}
