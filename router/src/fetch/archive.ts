// Owns unpacking without trusting the archive: only plain files and folders, only inside the target, no more bytes than
// an honest model would have. Must not know where the archive came from.
import { createReadStream, createWriteStream, mkdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Parser } from 'tar';
import type { ReadEntry } from 'tar';
import { open as openZip } from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { FetchError } from './failures.ts';
import { safePath } from './package-files.ts';
import { bytesText } from './progress.ts';
import type { ArchiveKind } from './storage-uri.ts';

/** Weights hardly shrink; an archive that grows more than this, beyond the floor, is meant to fill the disk. */
const MAX_GROWTH = 100;
const GROWTH_FLOOR_BYTES = 1024 ** 3;
const MAX_ENTRIES = 100_000;

export interface Unpacking {
  signal: AbortSignal;
  /** Called with the bytes written. */
  onBytes?: (bytes: number) => void;
  /** Bytes that any archive may unpack to, however small it is. */
  floorBytes?: number;
}

/**
 * Unpacks an archive into an empty folder; returns the paths of its files.
 * @throws FetchError ArchiveInvalid for what is damaged, or isn't plain files within the folder, or grows too much.
 */
export async function unpack(archive: string, kind: ArchiveKind, folder: string, unpacking: Unpacking): Promise<string[]> {
  const limit = Math.max(unpacking.floorBytes ?? GROWTH_FLOOR_BYTES, MAX_GROWTH * (await stat(archive)).size);
  const writer = entryWriter(folder, limit, unpacking);
  try {
    await (kind === 'tar' ? unpackTar(archive, writer, unpacking.signal) : unpackZip(archive, writer));
  } catch (error) {
    throw archiveFailure(error, unpacking.signal);
  }
  if (writer.files.size === 0) throw new FetchError('ArchiveInvalid', 'the archive holds no file');
  return [...writer.files];
}

function archiveFailure(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (error instanceof FetchError || ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES'].includes(code)) return error;
  return new FetchError('ArchiveInvalid', `the archive can't be unpacked: ${(error as Error).message}`, { cause: error });
}

interface Writer {
  files: Set<string>;
  folder: (name: string) => void;
  file: (name: string, content: Readable) => Promise<void>;
}

function entryWriter(root: string, limit: number, unpacking: Unpacking): Writer {
  const files = new Set<string>();
  let bytes = 0;
  let entries = 0;
  const count = (): void => {
    if (++entries > MAX_ENTRIES) throw new FetchError('ArchiveInvalid', `the archive holds more than ${String(MAX_ENTRIES)} entries`);
  };
  const meter = (): Transform =>
    new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        bytes += chunk.length;
        unpacking.onBytes?.(chunk.length);
        if (bytes <= limit) done(null, chunk);
        else done(new FetchError('ArchiveInvalid', `the archive unpacks to more than ${bytesText(limit)}, far more than its own size`));
      },
    });
  return {
    files,
    folder: (name) => {
      count();
      if (name.replace(/^(\.\/)+|^\.$/, '') !== '') mkdirSync(path.join(root, safePath(name)), { recursive: true });
    },
    file: async (name, content) => {
      count();
      const file = safePath(name);
      if (files.has(file)) throw new FetchError('ArchiveInvalid', `the archive holds ${JSON.stringify(file)} twice`);
      files.add(file);
      mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
      await pipeline(content, meter(), createWriteStream(path.join(root, file), { flags: 'wx' }), { signal: unpacking.signal });
    },
  };
}

const TAR_FILES = new Set(['File', 'OldFile', 'ContiguousFile']);

async function unpackTar(archive: string, writer: Writer, signal: AbortSignal): Promise<void> {
  const parser = new Parser({ strict: true });
  const source = createReadStream(archive);
  let written = Promise.resolve();
  try {
    await new Promise<void>((resolve, reject) => {
      parser.on('entry', (entry: ReadEntry) => {
        written = written.then(() => tarEntry(entry, writer));
        written.catch(reject);
      });
      parser.on('end', resolve);
      parser.on('error', reject);
      source.on('error', reject);
      signal.addEventListener('abort', () => { reject(signal.reason as Error); }, { once: true });
      source.pipe(parser);
    });
    await written;
  } finally {
    source.destroy();
  }
}

async function tarEntry(entry: ReadEntry, writer: Writer): Promise<void> {
  if (entry.type === 'Directory' || entry.type === 'GNUDumpDir') {
    writer.folder(entry.path);
    entry.resume();
    return;
  }
  if (!TAR_FILES.has(entry.type)) throw new FetchError('ArchiveInvalid', `${JSON.stringify(entry.path)} is a ${entry.type}, not a plain file`);
  await writer.file(entry.path, Readable.from(entry));
}

async function unpackZip(archive: string, writer: Writer): Promise<void> {
  const zip = await new Promise<ZipFile>((resolve, reject) => {
    openZip(archive, { lazyEntries: true, validateEntrySizes: true, strictFileNames: true }, (error, opened) => {
      if (error) reject(error);
      else resolve(opened);
    });
  });
  try {
    await new Promise<void>((resolve, reject) => {
      zip.on('error', reject);
      zip.on('end', resolve);
      zip.on('entry', (entry: Entry) => {
        zipEntry(zip, entry, writer).then(() => { zip.readEntry(); }, reject);
      });
      zip.readEntry();
    });
  } finally {
    zip.close();
  }
}

const FILE_TYPE = 0o170000;
const PLAIN = [0, 0o100000];

async function zipEntry(zip: ZipFile, entry: Entry, writer: Writer): Promise<void> {
  if (entry.fileName.endsWith('/')) {
    writer.folder(entry.fileName);
    return;
  }
  const type = (entry.externalFileAttributes >>> 16) & FILE_TYPE;
  if (!PLAIN.includes(type)) throw new FetchError('ArchiveInvalid', `${JSON.stringify(entry.fileName)} is a link or a device, not a plain file`);
  const content = await new Promise<Readable>((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error) reject(error);
      else resolve(stream);
    });
  });
  await writer.file(entry.fileName, content);
}
