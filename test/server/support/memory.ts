// Leaves a server a small part of its memory budget.
import { vi } from 'vitest';
import type { TestServer } from './server.ts';

const STEP = 5_000_000;

/** Leaves so much of the memory budget for calls. What this process takes would change by hundreds of MB with each collection, so it stands still. */
export function leaving({ parts: { memory } }: TestServer, bytes: number): Disposable {
  const resident = vi.spyOn(process.memoryUsage, 'rss').mockReturnValue(memory.limit / 2);
  const held: (() => void)[] = [];
  const fill = (step: number): void => {
    try {
      for (;;) held.push(memory.admit(step));
    } catch {
      // It is full.
    }
  };
  fill(STEP * 20);
  held.pop()?.(); // so that enough small ones are on top, whatever is left over
  fill(STEP);
  for (let given = 0; given < bytes; given += STEP) held.pop()?.();
  return { [Symbol.dispose]: () => { for (const release of [...held, () => { resident.mockRestore(); }]) release(); } };
}
