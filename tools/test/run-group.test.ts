// A group that hangs is stopped and counts as failed; a crash without a report counts as failed.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Group } from './groups.ts';
import { runGroup } from './run-group.ts';

let root: string;
beforeEach(async () => { root = await mkdtemp(path.join(tmpdir(), 'slipway-group-')); });
afterEach(async () => { await rm(root, { recursive: true, force: true }); });

const check: Group = { name: 'sample', about: '', kind: 'check', needs: {}, minutes: 1 };

async function run(script: string, signal: AbortSignal = new AbortController().signal, group = check): Promise<unknown> {
  await writeFile(path.join(root, 'package.json'), JSON.stringify({ scripts: { sample: script } }));
  return runGroup(group, { root, scratch: root, signal });
}

describe('runGroup', () => {
  it('counts a check as one passed or one failed', async () => {
    expect(await run('true')).toMatchObject({ name: 'sample', passed: 1, failed: 0 });
    expect(await run('false')).toMatchObject({ passed: 0, failed: 1 });
  });

  it('counts tests that crash without a report as one failed', async () => {
    expect(await run('true', undefined, { ...check, kind: 'tests' })).toMatchObject({ passed: 0, failed: 1 });
  });

  it('stops at its time limit', async () => {
    expect(await run('exec sleep 60', undefined, { ...check, minutes: 0.01 })).toMatchObject({ passed: 0, failed: 1, note: 'stopped after 0.01 min' });
  });

  it('stops when interrupted', async () => {
    expect(await run('exec sleep 60', AbortSignal.timeout(300))).toMatchObject({ passed: 0, failed: 1, note: 'interrupted' });
  });
});
