// Folders as they may be met, on a real file system. A user number that is not ours stands for another user.
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { codeFolder } from './compile-cache.ts';

const ME = process.getuid?.() ?? 0;
let root: string;
beforeEach(() => { root = realpathSync(mkdtempSync(path.join(tmpdir(), 'slipway-compiled-'))); });
afterEach(() => { rmSync(root, { recursive: true, force: true }); });

/** A folder with exactly that mode. */
function made(name: string, mode: number): string {
  const folder = path.join(root, name);
  mkdirSync(folder);
  chmodSync(folder, mode);
  return folder;
}

describe('the folder for compiled code', () => {
  it('is made, with those above it, also where others may write', () => {
    const folder = path.join(made('open', 0o777), 'a', 'b');
    expect(codeFolder(folder)).toEqual({ folder });
    expect(lstatSync(folder).mode & 0o777).toBe(0o700);
    expect(codeFolder(folder)).toEqual({ folder });
  });

  it.each([0o750, 0o701, 0o777])('is refused with mode %o', (mode) => {
    const folder = made('folder', mode);
    expect(codeFolder(folder)).toEqual({ fault: `${folder} is open to others` });
  });

  it("is refused if it is another user's", () => {
    const folder = made('folder', 0o700);
    expect(codeFolder(folder, ME + 1)).toEqual({ fault: `${folder} is another user's` });
  });

  it('is refused if it is a link, even to a good one', () => {
    symlinkSync(made('folder', 0o700), path.join(root, 'link'));
    expect(codeFolder(path.join(root, 'link'))).toEqual({ fault: `${path.join(root, 'link')} is no folder` });
  });

  it('is none where it cannot be made', () => {
    writeFileSync(path.join(root, 'file'), '');
    expect(codeFolder(path.join(root, 'file'))).toEqual({ fault: expect.stringContaining('EEXIST') as string });
    expect(codeFolder(path.join(root, 'file', 'below'))).toEqual({ fault: expect.stringContaining('ENOTDIR') as string });
  });
});

it('is none where folders have no owners', () => {
  vi.spyOn(process, 'getuid').mockReturnValue(undefined as never);
  expect(codeFolder(root)).toEqual({ fault: 'this system does not say whose a folder is' });
  vi.restoreAllMocks();
});
