// The digits models as they are committed: the accuracies of the card hold on the pictures that training did not see.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { LayersModel, Tensor } from '@tensorflow/tfjs-node';
import { expect, test } from 'vitest';
import { isTest, readDigits } from './training/digits.ts';
import { accuracy } from './training/fit.ts';
import { tf } from './training/tensorflow.ts';

type SavedModel = Awaited<ReturnType<typeof tf.node.loadSavedModel>>;

const folder = path.join(import.meta.dirname, 'digits');
const unseen = readDigits().filter((_, index) => isTest(index));

function accuracyOf(model: LayersModel | SavedModel): number {
  const probabilities = tf.tidy(() => {
    const images = tf.tensor2d(unseen.map(({ pixels }) => pixels)).div(16).reshape([-1, 8, 8, 1]);
    return (model.predict(images, {}) as Tensor).arraySync() as number[][];
  });
  return accuracy(probabilities, unseen.map(({ digit }) => digit));
}

test('there are 1797 pictures of all ten digits, a fifth of them kept from training', () => {
  expect(readDigits()).toHaveLength(1797);
  expect(unseen).toHaveLength(360);
  expect(new Set(unseen.map(({ digit }) => digit)).size).toBe(10);
});

test('v1 and v2 are as accurate as the card says, v2 more than v1', async () => {
  const v1 = accuracyOf(await tf.loadLayersModel(`file://${path.join(folder, 'v1', 'model.json')}`));
  const v2 = accuracyOf(await tf.node.loadSavedModel(path.join(folder, 'v2')));
  const card = readFileSync(path.join(folder, 'README.md'), 'utf8');
  expect(card).toContain(`| ${v1.toFixed(3)} |`);
  expect(card).toContain(`| ${v2.toFixed(3)} |`);
  expect(v2).toBeGreaterThan(v1);
});
