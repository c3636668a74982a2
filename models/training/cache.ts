// Owns where training keeps what it downloads, and how it runs other programs. Must not know what is downloaded.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cacheRoot } from '../../tools/cache.ts';

/** A folder of the product's cache, made by `fill` the first time. */
export function cached(name: string, fill: (folder: string) => void): string {
  const folder = path.join(cacheRoot(), 'training', name);
  const complete = path.join(folder, '.complete');
  if (existsSync(complete)) return folder;
  mkdirSync(folder, { recursive: true });
  fill(folder);
  writeFileSync(complete, '');
  return folder;
}

/** Runs a program; its errors go to the terminal. @throws when it fails. */
export function runProgram(program: string, args: string[], cwd?: string): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'], ...(cwd === undefined ? {} : { cwd }) });
}
