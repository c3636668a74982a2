// A clock that is set is noticed once per key, and only once its new times are recorded; one that is kept in time is not.
import { manualClock } from '@slipway/kube';
import { describe, expect, it } from 'vitest';
import { createClockSteps } from './clock-steps.ts';

const HOUR = 3_600_000;

describe('clock steps', () => {
  it.each([HOUR, -HOUR])('tells a step of %i ms until it is recorded', async (step) => {
    const clock = manualClock();
    const steps = createClockSteps(clock);
    expect(steps.since('a')).toBe(0);
    steps.recorded('a');
    await clock.advance(60_000);
    clock.setWall(clock.now() + step);
    expect(steps.since('a')).toBe(step);
    expect(steps.since('a')).toBe(step);
    steps.recorded('a');
    expect(steps.since('a')).toBe(0);
  });

  it('knows nothing of a key that was never recorded, or by somebody else', () => {
    const clock = manualClock();
    const steps = createClockSteps(clock);
    steps.since('a');
    steps.recorded('a');
    clock.setWall(clock.now() + HOUR);
    expect(steps.since('b')).toBe(0);
    steps.reset();
    expect(steps.since('a')).toBe(0);
  });

  it('takes a clock that is kept in time for what it is, however long that goes on', () => {
    const clock = manualClock();
    const steps = createClockSteps(clock);
    for (let n = 0; n < 100; n += 1) {
      expect(steps.since('a')).toBe(0);
      steps.recorded('a');
      clock.setWall(clock.now() + 1_000);
    }
  });
});
