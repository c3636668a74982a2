// Quantities as people write them in manifests and as they read them in messages.
import { expect, it } from 'vitest';
import { quantityOf, quantityText } from './quantity.ts';

it.each([['100m', 0.1], ['2', 2], [3, 3], ['1.5Gi', 1.5 * 2 ** 30], ['64Mi', 2 ** 26], ['1k', 1000], ['2e3', 2000], ['1E', 1e18], ['', 0], ['much', 0], ['1Zi', 0]] as const)('%s is %s', (text, amount) => {
  expect(quantityOf(text)).toBeCloseTo(amount, 6);
});

it.each([[0.25, 'cpu', '250m'], [12.2, 'cpu', '13'], [1.5 * 2 ** 30, 'memory', '1.5Gi'], [2 ** 43, 'ephemeral-storage', '8Ti'], [900, 'memory', '900'], [2, 'nvidia.com/gpu', '2']] as const)('%s of %s reads %s', (amount, resource, text) => {
  expect(quantityText(amount, resource)).toBe(text);
});
