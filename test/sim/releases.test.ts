// Every scenario is let happen: once in fixed order, its story compared with a golden file, and in seeded random orders.
import { describe, expect, it } from 'vitest';
import { seeded } from './random.ts';
import { SCENARIOS } from './scenarios.ts';
import { World } from './world.ts';

const SEEDS = 6;

describe.each(SCENARIOS)('$name', ({ name, options, run }) => {
  it('happens as told', async () => {
    const world = new World(options);
    run(world);
    await expect(world.story.text()).toMatchFileSnapshot(`golden/${name}.txt`);
  });

  it.each(Array.from({ length: SEEDS }, (_, seed) => seed + 1))('in random order %i', (seed) => {
    run(new World({ ...options, random: seeded(seed) }));
  });
});
