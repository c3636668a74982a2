// Wall clocks that are set in the middle of a release: pauses and deadlines last as long as they were asked to, whenever it happens.
import { describe, expect, it } from 'vitest';
import { promoted } from './scenarios.ts';
import { World } from './world.ts';

const HOUR = 3_600;
const PAUSES = { replicas: 2, rollout: { strategy: 'Canary', canary: { steps: [{ setWeight: 20 }, { pause: { duration: '10s' } }, { setWeight: 60 }, { pause: { duration: '10s' } }] }, progressDeadline: '60s' } };
const BLUE_GREEN = { replicas: 1, rollout: { strategy: 'BlueGreen', blueGreen: { autoPromote: true, scaleDownDelay: '10s' }, progressDeadline: '60s' } };

/** From v1 to v2, until the last pod of v1 is gone. Returns the seconds it took; the clock is set after `at` seconds. */
function secondsOf(spec: Record<string, unknown>, at = -1, by = 0): number {
  const world = new World({ spec });
  world.until('Healthy', () => world.status?.phase === 'Healthy');
  world.settle();
  world.model('v2');
  let seconds = 0;
  for (; world.revisionOf('v2') === undefined || world.state() !== 'Idle' || world.deployments.size > 1; seconds += 1) {
    if (seconds === at) world.setClock(by);
    world.tick();
    if (seconds > 600) throw new Error(`never ends; ${JSON.stringify(world.status?.rollout)}\n${world.story.text()}`);
  }
  promoted(world);
  return seconds;
}

describe.each([['timed pauses', PAUSES], ['a scale-down delay', BLUE_GREEN]])('a release with %s', (_name, spec) => {
  it.each([HOUR, -HOUR])('takes exactly as long, whenever the clock is set by %i s', { timeout: 60_000 }, (by) => {
    const undisturbed = secondsOf(spec);
    expect(undisturbed).toBeGreaterThan(10);
    for (let at = 0; at < undisturbed; at += 3) expect(secondsOf(spec, at, by), `set after ${at} s`).toBe(undisturbed);
  });
});
