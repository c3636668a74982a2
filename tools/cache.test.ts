// The cache's promises: an entry appears whole or not at all, and a damaged one is made again.
import { mkdir, mkdtemp, readFile, readdir, realpath, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cachedDirectory, cacheRoot } from './cache.ts';

let folder: string;
beforeEach(async () => { folder = await mkdtemp(path.join(tmpdir(), 'slipway-cache-')); });
afterEach(async () => { await rm(folder, { recursive: true, force: true }); });

const make = (text: string) => async (partial: string): Promise<void> => writeFile(path.join(partial, 'file'), text);

describe('cachedDirectory', () => {
  it('does not mind changes of the files it was told not to seal', async () => {
    const entry = path.join(folder, 'entry');
    const make = async (partial: string): Promise<void> => {
      await writeFile(path.join(partial, 'kept'), 'a');
      await writeFile(path.join(partial, 'changed'), 'b');
    };
    await cachedDirectory(entry, make, ['changed']);
    await writeFile(path.join(entry, 'changed'), 'by the machine');
    expect(await cachedDirectory(entry, make, ['changed'])).toEqual({ made: false });
    await writeFile(path.join(entry, 'kept'), 'by somebody');
    expect(await cachedDirectory(entry, make, ['changed'])).toEqual({ made: true });
  });

  it('makes an entry once', async () => {
    const entry = path.join(folder, 'entry');
    expect(await cachedDirectory(entry, make('one'))).toEqual({ made: true });
    expect(await cachedDirectory(entry, make('two'))).toEqual({ made: false });
    expect(await readFile(path.join(entry, 'file'), 'utf8')).toBe('one');
  });

  it('gives one whole entry to two calls of the same process', async () => {
    const entry = path.join(folder, 'entry');
    const [both, first] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
    const one = cachedDirectory(entry, async (partial) => {
      await both.promise;
      await make('one')(partial);
    }).finally(() => first.resolve(undefined));
    const two = cachedDirectory(entry, async (partial) => {
      both.resolve(undefined);
      await first.promise;
      await make('two')(partial);
    });
    await Promise.all([one, two]);
    expect(await readFile(path.join(entry, 'file'), 'utf8')).toBe('one');
    expect(await readdir(folder)).toEqual(['entry']);
  });

  it('makes a damaged entry again', async () => {
    const entry = path.join(folder, 'entry');
    await cachedDirectory(entry, make('one'));
    await writeFile(path.join(entry, 'file'), 'bad');
    expect(await cachedDirectory(entry, make('two'))).toEqual({ made: true });
    expect(await readFile(path.join(entry, 'file'), 'utf8')).toBe('two');
  });

  it('keeps an entry whose file was only touched', async () => {
    const entry = path.join(folder, 'entry');
    await cachedDirectory(entry, make('one'));
    await utimes(path.join(entry, 'file'), 1, 1);
    expect(await cachedDirectory(entry, make('two'))).toEqual({ made: false });
  });

  it('leaves nothing behind when making fails', async () => {
    await expect(cachedDirectory(path.join(folder, 'entry'), () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await readdir(folder)).toEqual([]);
  });

  it('removes what a command that died left behind', async () => {
    await writeFile(path.join(folder, 'other.partial-999999999'), '');
    await cachedDirectory(path.join(folder, 'entry'), make('one'));
    expect(await readdir(folder)).toEqual(['entry']);
  });
});

describe('cacheRoot', () => {
  it('prefers SLIPWAY_CACHE, then XDG_CACHE_HOME', () => {
    expect(cacheRoot({ SLIPWAY_CACHE: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a');
    expect(cacheRoot({ XDG_CACHE_HOME: '/b' })).toBe('/b/slipway');
    expect(cacheRoot({})).toMatch(/\/slipway$/);
  });

  it('follows links, also before the folder itself is there', async () => {
    await mkdir(path.join(folder, 'disk'));
    await symlink(path.join(folder, 'disk'), path.join(folder, 'link'));
    expect(cacheRoot({ XDG_CACHE_HOME: path.join(folder, 'link') })).toBe(path.join(await realpath(folder), 'disk', 'slipway'));
  });
});
