// Owns reading Go-style durations. Must not know a clock.
const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a Go-style duration such as `1h30m`, `2m` or `500ms`. Throws RangeError on anything else. */
export function durationMs(text: string): number {
  if (!/^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/.test(text)) throw new RangeError(`not a duration: ${JSON.stringify(text)}; write for example 90s, 2m or 1h30m`);
  let total = 0;
  for (const part of text.matchAll(/([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)/g)) total += Number(part[1]) * (UNIT_MS[part[2] ?? ''] ?? 0);
  return Math.round(total);
}
