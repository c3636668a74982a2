import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareVersions, highestVersion, numericVersion } from './versions.ts';

describe('versions', () => {
  it('sort as people read them', () => {
    expect(['v10', 'v2', '1', 'v1', '2', '10', 'v1.10', 'v1.9', 'blue'].sort(compareVersions)).toEqual(['1', '2', '10', 'blue', 'v1', 'v1.9', 'v1.10', 'v2', 'v10']);
    expect(highestVersion(['v2', 'v10', 'v9'])).toBe('v10');
    expect(highestVersion([])).toBeUndefined();
  });

  it('have one order: antisymmetric, transitive, zero only for equals', () => {
    const version = fc.stringMatching(/^[a-c0-9.-]{1,6}$/);
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0);
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
        expect(compareVersions(a, b) === 0).toBe(a === b);
      }),
    );
  });

  it('have a number: the declared one, else their digits', () => {
    expect(numericVersion('v3', undefined)).toBe(3);
    expect(numericVersion('12', undefined)).toBe(12);
    expect(numericVersion('v3', 7)).toBe(7);
    expect(numericVersion('blue', undefined)).toBeUndefined();
    expect(numericVersion('v1.2', undefined)).toBeUndefined();
  });
});
