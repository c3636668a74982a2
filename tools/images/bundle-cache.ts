// Bundles that are still good: kept with the checksums of all the sources they were made of, and made again when one differs.
// It must not know how bundling works.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { exists, sha256, sha256File } from '../cache.ts';
import { bundle, type BundledFile } from './bundle.ts';
import type { Hashes } from './hashes.ts';

/** Where bundles and checksums are kept. */
export interface BundleStore { readonly cache: string; readonly hashes: Hashes }

const RECORD = 'sources.json';
const FILES = 'files';
/** How bundles are made: a change of this folder's code or of a dependency's version makes all of them again. */
const MAKERS = ['package-lock.json', 'tools/images/bundle.ts', 'tools/images/spec.ts'];

/** The bundle of these entry points (see `bundle`), from the cache if none of its sources has changed. */
export async function cachedBundle(store: BundleStore, root: string, entryPoints: Readonly<Record<string, string>>): Promise<readonly BundledFile[]> {
  const makers = await Promise.all(MAKERS.map((file) => sha256File(path.join(root, file))));
  const directory = path.join(store.cache, 'bundles', sha256(JSON.stringify([root, entryPoints, makers])).slice(0, 32));
  if (await isCurrent(directory, root, store.hashes)) return readFiles(path.join(directory, FILES));
  const { files, sources } = await bundle(root, entryPoints);
  const checksums = await Promise.all(sources.map(async (source) => [source, await store.hashes.of(path.join(root, source))]));
  await keep(directory, files, Object.fromEntries(checksums) as Record<string, string>);
  return files;
}

async function isCurrent(directory: string, root: string, hashes: Hashes): Promise<boolean> {
  const record = path.join(directory, RECORD);
  if (!(await exists(record))) return false;
  const sources = Object.entries(JSON.parse(await readFile(record, 'utf8')) as Record<string, string>);
  const same = await Promise.all(sources.map(([source, checksum]) => hashes.of(path.join(root, source)).then((now) => now === checksum, () => false)));
  return same.every(Boolean);
}

async function readFiles(folder: string): Promise<BundledFile[]> {
  const names = (await readdir(folder)).sort();
  return Promise.all(names.map(async (name) => ({ name, bytes: await readFile(path.join(folder, name)) })));
}

/** Puts a bundle in place in one step; of two commands that do, the last one stays. */
async function keep(directory: string, files: readonly BundledFile[], sources: Record<string, string>): Promise<void> {
  const partial = `${directory}.${process.pid}`;
  await mkdir(path.join(partial, FILES), { recursive: true });
  for (const { name, bytes } of files) await writeFile(path.join(partial, FILES, name), bytes);
  await writeFile(path.join(partial, RECORD), JSON.stringify(sources));
  await rm(directory, { recursive: true, force: true });
  await rename(partial, directory);
}
