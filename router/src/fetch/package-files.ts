// Owns what a list of file paths says about a package: which part of it is served, and which paths are safe to write.
// Pure; must not touch the disk.
import { createHash } from 'node:crypto';
import { FetchError } from './failures.ts';

const NUMERIC = /^\d+$/;

/**
 * The folder of the package among files (paths with `/`), '' for all of it. A folder holding only numeric subfolders
 * serves the highest (TensorFlow Serving's layout). With `unwrap`, a single folder around everything is stepped
 * into first, as archives often have one.
 */
export function packageRoot(files: readonly string[], { unwrap }: { unwrap: boolean }): string {
  let root = '';
  for (;;) {
    const inside = files.filter((file) => file.startsWith(root)).map((file) => file.slice(root.length));
    const names = new Set(inside.map((file) => file.split('/')[0] ?? ''));
    if (names.size === 0 || inside.some((file) => !file.includes('/'))) return root;
    if ([...names].every((name) => NUMERIC.test(name))) return `${root}${highest(names)}/`;
    if (!unwrap || names.size > 1) return root;
    root = `${root}${[...names][0] ?? ''}/`;
  }
}

function highest(names: ReadonlySet<string>): string {
  const sorted = [...names].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
  return sorted.at(-1) ?? '';
}

/** Characters of a path that a file system takes, each part at most 255 bytes. */
function isSafe(path: string): boolean {
  if (path === '' || path.startsWith('/') || /[\0\\]/.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && Buffer.byteLength(part) <= 255);
}

/**
 * A path out of an archive or a listing as a relative path that stays inside the package.
 * @throws FetchError ArchiveInvalid for anything that could leave it.
 */
export function safePath(path: string): string {
  const plain = path.replace(/^(\.\/)+/, '').replace(/\/+$/, '');
  if (!isSafe(plain)) throw new FetchError('ArchiveInvalid', `the path ${JSON.stringify(path)} would not stay inside the package`);
  return plain;
}

/** Package digest: sha256 over the sorted lines `path\0sha256\n`. Sorted by the bytes of the path. */
export function packageDigest(files: ReadonlyMap<string, string>): string {
  const lines = [...files].map(([path, sha256]) => Buffer.from(`${path}\0${sha256}\n`));
  const hash = createHash('sha256');
  for (const line of lines.sort((a, b) => Buffer.compare(a, b))) hash.update(line);
  return hash.digest('hex');
}
