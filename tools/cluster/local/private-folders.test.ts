// Folders that clusters share by their paths: who comes and who goes at the same time.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removePrivateFolders, withPrivateFolders, type PrivateFolders } from './private-folders.ts';

let root = '';
const inRoot = (name: string): string => path.join(root, name);
const places = (): PrivateFolders => ({ folders: { [inRoot('run/containerd')]: 'run-containerd', [inRoot('var/lib/cni')]: 'var-lib-cni' }, lock: inRoot('folders.lock') });
const there = (): boolean[] => Object.keys(places().folders).map((folder) => existsSync(folder));
beforeEach(() => { root = mkdtempSync(path.join(tmpdir(), 'slipway-folders-')); });
afterEach(() => rmSync(root, { recursive: true }));

const open = (mount: () => Promise<undefined>): Promise<undefined> => withPrivateFolders({ folder: inRoot('cluster') }, mount, places());

it('makes both ends, and removes what it made once nobody is mounted there', async () => {
  await open(() => Promise.resolve(undefined));
  expect([...there(), existsSync(inRoot('cluster/run-containerd'))]).toEqual([true, true, true]);
  await removePrivateFolders(places());
  expect([...there(), existsSync(inRoot('cluster/run-containerd'))]).toEqual([false, false, true]);
});

it('leaves folders alone that were there before, or that somebody uses by now', async () => {
  mkdirSync(inRoot('run/containerd'), { recursive: true });
  await open(() => Promise.resolve(undefined));
  writeFileSync(inRoot('var/lib/cni/network'), '');
  await removePrivateFolders(places());
  expect(there()).toEqual([true, true]);
});

it('takes no folder from a cluster that is about to mount on it', async () => {
  const [begun, mounted] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  const opening = open(() => {
    begun.resolve(undefined);
    return mounted.promise;
  });
  await begun.promise;
  const removal = removePrivateFolders(places());
  expect(there()).toEqual([true, true]);
  mounted.resolve(undefined);
  await Promise.all([opening, removal]);
  expect(there(), 'nothing was mounted in the end').toEqual([false, false]);
  expect(readdirSync(root), 'no lock stays').not.toContain('folders.lock');
});
