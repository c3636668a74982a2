// Failures are kept until they are gone, refusals until it is worth asking again, and an edit makes both void.
import { manualClock } from '@slipway/kube';
import { describe, expect, it } from 'vitest';
import type { Failure } from '../types.ts';
import { createFailureMemory } from './failures.ts';

const taken: Failure = { kind: 'NameTaken', object: 'Service/x', message: 'm' };
const refused: Failure = { kind: 'InvalidPodTemplate', object: 'Deployment/x-1', message: 'm' };

describe('failure memory', () => {
  it('says whether what a status shows has changed', () => {
    const memory = createFailureMemory(manualClock());
    expect(memory.replace('k', 1, [])).toBe(false);
    expect(memory.replace('k', 1, [taken])).toBe(true);
    expect(memory.replace('k', 1, [taken])).toBe(false);
    expect(memory.of('k', 1)).toEqual([taken]);
    expect(memory.replace('k', 1, [])).toBe(true);
    expect(memory.of('k', 1)).toEqual([]);
  });

  it('an edit makes failures void', () => {
    const memory = createFailureMemory(manualClock());
    memory.replace('k', 1, [taken]);
    memory.hold('k', 1, refused, 1_000);
    expect(memory.of('k', 2)).toEqual([]);
  });

  it('a held refusal survives passes that succeed, and ends with its time', async () => {
    const clock = manualClock();
    const memory = createFailureMemory(clock);
    memory.hold('k', 1, refused, 1_000);
    memory.hold('k', 1, refused, 1_000);
    expect(memory.replace('k', 1, [])).toBe(false);
    expect(memory.of('k', 1)).toEqual([refused]);
    expect(memory.heldForMs('k')).toBe(1_000);
    await clock.advance(1_000);
    expect(memory.of('k', 1)).toEqual([]);
    expect(memory.heldForMs('k')).toBeUndefined();
  });

  it('forgets a key', () => {
    const memory = createFailureMemory(manualClock());
    memory.replace('k', 1, [taken]);
    memory.forget('k');
    expect(memory.of('k', 1)).toEqual([]);
  });
});
