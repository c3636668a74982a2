// Training again gives the committed weights: the quick models are trained here (sentiment and the CNN take minutes; they were compared
// byte for byte by hand). On the machine that trained them the bytes are equal; other processors may round differently.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { layersFiles } from './training/artifacts.ts';
import { trainFirstClassifier } from './training/classifier.ts';
import { isTest, readDigits, trainFirstDigits } from './training/digits.ts';

const TOLERANCE = 0.05;

test.each([
  ['classifier/v1', trainFirstClassifier],
  ['digits/v1', () => trainFirstDigits(readDigits().filter((_, index) => !isTest(index)))],
])('%s', async (name, train) => {
  const files = await layersFiles(await train());
  const committed = readFileSync(path.join(import.meta.dirname, name, 'weights.bin'));
  expect(files['model.json']).toBe(readFileSync(path.join(import.meta.dirname, name, 'model.json'), 'utf8'));
  const difference = largestDifference(floats(files['weights.bin'] as Uint8Array), floats(committed));
  expect(difference).toBeLessThanOrEqual(TOLERANCE);
}, 120_000);

const floats = (bytes: Uint8Array): Float32Array => new Float32Array(Uint8Array.from(bytes).buffer);

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((largest, value, index) => Math.max(largest, Math.abs(value - (b[index] ?? NaN))), 0);
}
