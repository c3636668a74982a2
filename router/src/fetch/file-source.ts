// Owns packages on a mounted volume or in the image (file://, and pvc:// which is mounted): lists and copies the files.
// Must not follow a link out of the package: the volume may be somebody else's.
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, realpath, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FetchError, failureOf } from './failures.ts';
import { packageRoot, safePath } from './package-files.ts';
import { needSpace } from './resume.ts';
import type { Transfer } from './resume.ts';

/** What a file system keeps for itself at the root of a volume. */
const NOT_PACKAGE = new Set(['lost+found']);

interface SourceFile {
  /** Relative to the package. */
  name: string;
  file: string;
  bytes: number;
}

/** Copies the package at `source` (a folder) to the empty `target`. @throws FetchError naming what is missing or refused. */
export async function copyFolder(source: string, target: string, transfer: Transfer): Promise<void> {
  const files = await filesOf(source);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  transfer.progress.expect(0, bytes);
  transfer.progress.enter('Downloading');
  await rm(target, { recursive: true, force: true });
  await needSpace(path.join(target, 'x'), bytes);
  for (const file of files) await copyFile(file.file, path.join(target, safePath(file.name)), transfer);
}

/** Copies one file (an archive). */
export async function copyFile(source: string, target: string, transfer: Transfer): Promise<void> {
  await mkdir(path.dirname(target), { recursive: true });
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      transfer.progress.add(chunk.length);
      done(null, chunk);
    },
  });
  await pipeline(createReadStream(source), counter, createWriteStream(target), { signal: transfer.signal });
}

/** What is at the path. @throws FetchError DownloadNotFound, DownloadForbidden. */
export async function kindOf(location: string): Promise<'folder' | 'file'> {
  try {
    const found = await stat(location);
    return found.isDirectory() ? 'folder' : 'file';
  } catch (error) {
    throw readFailure(error, location);
  }
}

async function filesOf(source: string): Promise<SourceFile[]> {
  const root = await realpath(source);
  const all = await walk(root, '', root);
  const served = packageRoot(all.map((file) => file.name), { unwrap: false });
  const files = all.filter((file) => file.name.startsWith(served)).map((file) => ({ ...file, name: file.name.slice(served.length) }));
  if (files.length === 0) throw new FetchError('DownloadNotFound', `file://${source}: the folder holds no file`);
  return files;
}

async function walk(folder: string, prefix: string, root: string): Promise<SourceFile[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw readFailure(error, folder);
  });
  const found: SourceFile[] = [];
  for (const name of names.filter((candidate) => !NOT_PACKAGE.has(candidate))) {
    const file = await realpath(path.join(folder, name));
    if (!file.startsWith(`${root}${path.sep}`)) throw new FetchError('ArchiveInvalid', `${prefix}${name} is a link out of the package`);
    const entry = await stat(file);
    if (entry.isDirectory()) found.push(...(await walk(file, `${prefix}${name}/`, root)));
    else if (entry.isFile()) found.push({ name: `${prefix}${name}`, file, bytes: entry.size });
    else throw new FetchError('ArchiveInvalid', `${prefix}${name} is neither a file nor a folder`);
  }
  return found;
}

function readFailure(error: unknown, location: string): FetchError {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return new FetchError('DownloadNotFound', `file://${location}: there is no such file or folder in the fetch container`);
  if (code === 'EACCES' || code === 'EPERM') return new FetchError('DownloadForbidden', `file://${location}: not readable for the user of the fetch container`);
  return failureOf(error, `file://${location}`);
}
