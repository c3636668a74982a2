// Installing a package leaves the link that somebody else's server was told, and moves it with the next package.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { install } from './install.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-install-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('points /current at the newest package, also after a run that was cut short', async () => {
  for (const digest of ['a'.repeat(64), 'b'.repeat(64)]) {
    const staged = path.join(folder, 'staged');
    mkdirSync(staged);
    writeFileSync(path.join(staged, 'model.txt'), digest);
    writeFileSync(path.join(folder, 'current.new'), 'left by a run that was killed');
    await install(folder, staged, { storageUri: 'file:///x', digest, path: digest, bytes: 64 });
    expect(readFileSync(path.join(folder, 'current/model.txt'), 'utf8')).toBe(digest);
  }
});
