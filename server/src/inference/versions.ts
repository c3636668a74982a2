// Owns the order and the numbers of model versions. Must not know where versions come from.
import { versionNumber } from '@slipway/api';

const PARTS = /(\d+|\D+)/g;

/** Natural order: digits compare as numbers, so v2 < v10. Negative, zero or positive, as Array.sort wants. */
export function compareVersions(a: string, b: string): number {
  const left = a.match(PARTS) ?? [];
  const right = b.match(PARTS) ?? [];
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const order = comparePart(left[index] ?? '', right[index] ?? '');
    if (order !== 0) return order;
  }
  return left.length - right.length || (a < b ? -1 : Number(a > b));
}

function comparePart(a: string, b: string): number {
  const numbers = /^\d/.test(a) && /^\d/.test(b);
  if (numbers && BigInt(a) !== BigInt(b)) return BigInt(a) < BigInt(b) ? -1 : 1;
  if (numbers) return 0;
  return a < b ? -1 : Number(a > b);
}

/** The highest version by natural order, or undefined of none. */
export function highestVersion(versions: Iterable<string>): string | undefined {
  return [...versions].sort(compareVersions).at(-1);
}

/** The integer that protocols with numeric versions use: the declared one, else the digits of `v3` or `3`. */
export function numericVersion(version: string, declared: number | undefined): number | undefined {
  return declared ?? versionNumber(version);
}
