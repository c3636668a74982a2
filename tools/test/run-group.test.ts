// A group that hangs is stopped and counts as failed, and so does a crash without a report; a failed file gets one more run, by its own.
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Group } from './groups.ts';
import type { GroupResult } from './report.ts';
import { runGroup } from './run-group.ts';

let root: string;
beforeEach(async () => { root = await mkdtemp(path.join(tmpdir(), 'slipway-group-')); });
afterEach(async () => { await rm(root, { recursive: true, force: true }); });

const check: Group = { name: 'sample', about: '', kind: 'check', needs: {}, minutes: 1 };

async function run(script: string, signal: AbortSignal = new AbortController().signal, group = check): Promise<GroupResult> {
  await writeFile(path.join(root, 'package.json'), JSON.stringify({ scripts: { sample: script } }));
  return runGroup(group, { root, scratch: root, signal, output: 'ignore' });
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

describe('runGroup, tests', () => {
  const sample = `
    import { existsSync, writeFileSync } from 'node:fs';
    import { expect, it } from 'vitest';
    it('passes', () => undefined);
    it('passes from the second time on', () => {
      const seen = existsSync('seen');
      writeFileSync('seen', '');
      expect(seen).toBe(true);
    });`;

  async function project(...files: string[]): Promise<void> {
    await symlink(path.resolve(import.meta.dirname, '..', '..', 'node_modules'), path.join(root, 'node_modules'));
    await writeFile(path.join(root, 'vitest.config.mjs'), "export default { test: { projects: [{ test: { name: 'sample', include: ['*.test.mjs'] } }] } };");
    for (const [index, text] of files.entries()) await writeFile(path.join(root, `${index}.test.mjs`), text);
  }

  it('runs what failed once more, counts what passed then and names it', async () => {
    await project(sample, "import { it } from 'vitest'; it('is in another file', () => undefined);");
    const result = await run('', undefined, { ...check, kind: 'tests' });
    expect(result).toMatchObject({ passed: 3, failed: 0, failures: [], note: '1 only when run again' });
    expect(result.unsteady).toEqual([expect.stringContaining('passes from the second time on')]);
  }, 60_000);

  it('fails what fails twice', async () => {
    await project(sample, "import { it } from 'vitest'; it('never passes', () => { throw new Error('never'); });");
    const result = await run('', undefined, { ...check, kind: 'tests' });
    expect(result).toMatchObject({ passed: 2, failed: 1 });
    expect(result.failures).toEqual([expect.stringContaining('never passes')]);
  }, 60_000);
});
