// Owns the integer that a model version is for protocols that know only integers. Must not know who has no such version.

/** The digits of `v3` or `3`; undefined where the version is another text. */
export function versionNumber(version: string): number | undefined {
  const digits = /^v?(\d+)$/.exec(version)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
