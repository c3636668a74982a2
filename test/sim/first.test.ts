import { describe, expect, it } from 'vitest';
import { World } from './world.ts';
describe('smoke', () => {
  it('first revision, canary', async () => {
    const world = new World({ spec: { replicas: 4, rollout: { strategy: 'Canary', canary: { steps: [{ setWeight: 10 }, { pause: { duration: '20s' } }, { setWeight: 50 }, { pause: {} }] } } } });
    world.until('healthy', () => world.status?.phase === 'Healthy');
    world.settle();
    world.model('v2');
    world.until('waits for promotion', () => world.status?.rollout?.reason === 'AwaitingPromotion');
    world.settle();
    world.command('promote', 'v2');
    world.until('v2 is stable', () => world.state() === 'Idle');
    world.settle();
    expect(world.weights()).toEqual({ v2: 100 });
    await expect(world.story.text()).toMatchFileSnapshot('golden/happy-canary.txt');
  });
});
