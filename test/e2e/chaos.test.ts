// The short form of `npm run chaos` on the shared node: ten operations in one fixed order, steady load, no lost request.
import { describe, expect, it } from 'vitest';
import { printed, reportOf } from '../chaos/report.ts';
import { runChaos } from '../chaos/run.ts';
import { World } from './support/world.ts';

const world = new World();
/** Requests per second; what is measured here is loss, not speed. */
const RATE = 12;

describe('chaos, the short form', () => {
  it('ten operations side by side lose no request', { timeout: 600_000 }, async () => {
    const tell = (line: string): void => void process.stderr.write(`e2e  chaos ${line}\n`);
    const journal = await runChaos({ access: world.access, namespace: 'e2e-chaos', seed: 4, services: 2, operations: 10, longestMs: 300_000, rate: RATE, kill: false, signal: new AbortController().signal, tell });
    const report = reportOf(journal);
    for (const line of printed(report)) tell(line);
    expect(report.failures).toEqual([]);
    expect(report.failedOperations).toEqual([]);
    expect(report.operations).toBe(10);
    expect(report.requests).toBeGreaterThan(500);
    expect(report.byLane.filter((lane) => lane.requests === 0)).toEqual([]);
    expect(report.changes.count).toBeGreaterThan(0);
  });
});
