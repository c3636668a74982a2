// Folders as they may be met, on a real file system. A user number that is not ours stands for another user.
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeFolder, OFF, type CodeFolder } from './compile-cache.ts';

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

const usual = (temporary: string, user: number | undefined = ME): CodeFolder => codeFolder(undefined, { temporary, user });

describe('the usual folder for compiled code', () => {
  it('is one of the user, which nobody else can enter', () => {
    const folder = path.join(root, `slipway-compile-cache-${String(ME)}`);
    expect(usual(root)).toEqual({ folder });
    expect(lstatSync(folder).mode & 0o777).toBe(0o700);
    expect(usual(root)).toEqual({ folder });
  });

  it('lies where everybody may write only if the sticky bit keeps others from replacing it', () => {
    expect(usual(made('sticky', 0o1777))).toHaveProperty('folder');
    expect(usual(made('open', 0o777))).toEqual({ fault: `others may replace what lies in ${path.join(root, 'open')}` });
    expect(usual(made('group', 0o770))).toHaveProperty('fault');
  });

  it("does not lie in what is neither root's nor ours", () => {
    const theirs = usual(root, ME + 1);
    expect(theirs).toEqual(ME === 0 ? { fault: `${path.join(root, 'slipway-compile-cache-1')} is another user's` } : { fault: `${root} is another user's` });
  });

  it('is none where there is no folder for temporary files', () => {
    expect(usual(path.join(root, 'missing'))).toEqual({ fault: expect.stringContaining('ENOENT') as string });
  });
});

describe('a named folder for compiled code', () => {
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
    expect(codeFolder(folder, { temporary: root, user: ME + 1 })).toEqual({ fault: `${folder} is another user's` });
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

it('no folder is looked for where the cache is off, or where folders have no owners', () => {
  expect(codeFolder(OFF)).toEqual({ fault: 'it is switched off' });
  expect(codeFolder(undefined, { temporary: root, user: undefined })).toEqual({ fault: 'this system does not say whose a folder is' });
  expect(readdirSync(root)).toEqual([]);
});
