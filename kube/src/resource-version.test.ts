// Resource versions compare as numbers of any length.
import { expect, it } from 'vitest';
import { compareResourceVersions, hasReached } from './resource-version.ts';

it.each([
  ['9', '10', -1],
  ['10', '9', 1],
  ['10', '10', 0],
  ['99999999999999999998', '99999999999999999999', -1],
])('%s against %s', (a, b, sign) => expect(Math.sign(compareResourceVersions(a, b) ?? Number.NaN)).toBe(sign));

it('opaque versions are reached only by themselves', () => {
  expect(compareResourceVersions('abc', '10')).toBeUndefined();
  expect(hasReached('abc', 'abc')).toBe(true);
  expect(hasReached('abc', '1')).toBe(false);
  expect(hasReached('', '1')).toBe(false);
});
