// Owns what is on the models mount: staging, the digest of a folder, the switch to a digest-named folder, and the record
// that the server reads. Must not know where packages come from.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { FetchedPackage, PACKAGE_LINK } from '@slipway/api';
import { packageDigest } from './package-files.ts';

const STATE = '.slipway';

/** Folder of the attempts at one storage URI; the same in the next run of the container, which goes on with it. */
export function stagingFolder(destination: string, storageUri: string): string {
  const id = createHash('sha256').update(storageUri).digest('hex').slice(0, 16);
  return path.join(destination, STATE, 'staging', id);
}

/** Removes every file of a folder but the named ones: leftovers of objects that are gone by now. */
export async function keepOnly(folder: string, names: readonly string[]): Promise<void> {
  const wanted = new Set(names.map((name) => path.join(folder, name)));
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => path.join(entry.parentPath, entry.name));
  for (const file of files.filter((candidate) => !wanted.has(candidate))) await rm(file);
}

export interface Measured {
  digest: string;
  bytes: number;
}

/** Reads every file of the folder and returns the package digest. */
export async function measure(folder: string, signal: AbortSignal): Promise<Measured> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = new Map<string, string>();
  let bytes = 0;
  for (const entry of entries.filter((candidate) => !candidate.isDirectory())) {
    const file = path.join(entry.parentPath, entry.name);
    const hash = createHash('sha256');
    await pipeline(createReadStream(file), hash, { signal });
    files.set(path.relative(folder, file).split(path.sep).join('/'), hash.digest('hex'));
    bytes += (await stat(file)).size;
  }
  return { digest: packageDigest(files), bytes };
}

/** Moves the checked folder to its digest's name, points the link at it, and writes the record, last. */
export async function install(destination: string, folder: string, fetched: FetchedPackage): Promise<void> {
  const target = path.join(destination, fetched.path);
  await rm(target, { recursive: true, force: true });
  await rename(folder, target);
  await link(destination, fetched.path);
  await mkdir(path.join(destination, STATE), { recursive: true });
  const record = path.join(destination, STATE, 'fetched.json');
  await writeFile(`${record}.new`, `${JSON.stringify(fetched)}\n`);
  await rename(`${record}.new`, record);
  await rm(path.join(destination, STATE, 'staging'), { recursive: true, force: true });
}

/** A name that is known before the digest is: somebody else's server gets it in its arguments. */
async function link(destination: string, target: string): Promise<void> {
  const name = path.join(destination, PACKAGE_LINK);
  await rm(`${name}.new`, { force: true });
  await symlink(target, `${name}.new`);
  await rename(`${name}.new`, name);
}

/** The package that a former run finished for this URI, if its files still have their digest. */
export async function installed(destination: string, storageUri: string, signal: AbortSignal): Promise<FetchedPackage | undefined> {
  const record = await readFile(path.join(destination, STATE, 'fetched.json'), 'utf8').catch(() => undefined);
  if (record === undefined) return undefined;
  const fetched = parseRecord(record);
  if (fetched?.storageUri !== storageUri) return undefined;
  const now = await measure(path.join(destination, fetched.path), signal).catch(() => undefined);
  signal.throwIfAborted();
  return now?.digest === fetched.digest ? fetched : undefined;
}

function parseRecord(text: string): FetchedPackage | undefined {
  try {
    return FetchedPackage.parse(JSON.parse(text));
  } catch {
    return undefined; // A half-written or older record is as good as none: the package is fetched again.
  }
}
