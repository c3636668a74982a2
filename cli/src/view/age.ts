// Owns how long ago something was, as kubectl writes it. Must not know a clock.

const UNITS = [['d', 86_400], ['h', 3_600], ['m', 60], ['s', 1]] as const;

/** `7d`, `3h`, `12m` or `40s` before `at` (milliseconds since the epoch); `<unknown>` without a time. */
export function age(since: string | undefined, at: number): string {
  const start = Date.parse(since ?? '');
  if (Number.isNaN(start)) return '<unknown>';
  const seconds = Math.max(0, Math.floor((at - start) / 1000));
  const [unit, length] = UNITS.find(([, each]) => seconds >= each * 2) ?? ['s', 1];
  return `${Math.floor(seconds / length)}${unit}`;
}
