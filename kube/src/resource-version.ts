// Owns the order of resource versions. They are decimal numbers that rise within one resource type
// (guaranteed by Kubernetes since KEP-5504, true before), so they are compared without ever becoming a JavaScript number.

const DECIMAL = /^[1-9][0-9]*$/;

/** Negative, zero or positive as `a` is older than, equal to or newer than `b`. Undefined if either is not comparable. */
export function compareResourceVersions(a: string, b: string): number | undefined {
  if (a === b) return 0;
  if (!DECIMAL.test(a) || !DECIMAL.test(b)) return undefined;
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : 1;
}

/** True if everything up to `wanted` has been seen by who has seen `seen`. Versions that cannot be compared count as seen only when equal. */
export function hasReached(seen: string, wanted: string): boolean {
  const order = compareResourceVersions(seen, wanted);
  return order !== undefined && order >= 0;
}
