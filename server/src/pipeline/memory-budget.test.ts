import { describe, expect, it } from 'vitest';
import { MemoryBudget } from './memory-budget.ts';

const refused = (code: string): Error => expect.objectContaining({ code }) as Error;

describe('the memory budget', () => {
  it('admits what fits beside what is under way', () => {
    const budget = new MemoryBudget({ limitBytes: 1000, resident: () => 400, maxAgeMs: 0 });
    const first = budget.admit(300);
    expect(() => budget.admit(400)).toThrow(refused('memory_exhausted'));
    budget.admit(250)();
    first();
    first();
    expect(budget.reserved).toBe(0);
    budget.admit(600)();
  });

  it('refuses for good what could never fit', () => {
    const budget = new MemoryBudget({ limitBytes: 1000, resident: () => 400, maxAgeMs: 0 });
    expect(() => budget.admit(601)).toThrow(refused('exceeds_memory_budget'));
  });

  it('sees what the process really takes', () => {
    let resident = 400;
    const budget = new MemoryBudget({ limitBytes: 1000, resident: () => resident, maxAgeMs: 0 });
    const call = budget.admit(100);
    resident = 950;
    expect(() => budget.admit(100)).toThrow(refused('memory_exhausted'));
    resident = 500;
    budget.admit(100)();
    call();
  });
});
