// Owns one file on its way to the disk: it goes on where a broken attempt (of this container or the one before)
// stopped, and only if the server vouches that the file is still the same. Must not know HTTP or S3.
import { mkdir, open, readFile, rename, rm, stat, statfs, truncate, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { addAbortSignal } from 'node:stream';
import type { Readable } from 'node:stream';
import { FetchError } from './failures.ts';
import { bytesText } from './progress.ts';
import type { Progress } from './progress.ts';

export interface Start {
  offset: number;
  /** What the server said identifies these bytes (a strong ETag or a date). Absent at offset 0. */
  validator?: string;
}

export interface Opened {
  stream: Readable;
  /** First byte of the stream: the asked one, or 0 when the server sends everything. */
  offset: number;
  total?: number;
  validator?: string;
}

export interface Remote {
  /** For messages: the address without secrets. */
  what: string;
  open(start: Start, signal: AbortSignal): Promise<Opened>;
}

export interface Target {
  file: string;
  /** Beside it: what identifies the bytes that are in the file so far. */
  meta: string;
}

export interface Transfer {
  signal: AbortSignal;
  progress: Progress;
  /** Milliseconds without a byte after which the connection counts as dead. */
  idleMs: number;
}

interface Meta {
  validator?: string;
  total?: number;
}

/** Bytes of the target that a next attempt can keep, and whether that is all of them. */
export async function keptBytes(target: Target): Promise<{ size: number; meta: Meta; complete: boolean }> {
  const meta = await readFile(target.meta, 'utf8').then((text) => JSON.parse(text) as Meta, () => undefined);
  const size = await stat(target.file).then((found) => found.size, () => 0);
  if (meta?.validator === undefined) return { size: 0, meta: {}, complete: false };
  return { size, meta, complete: size === meta.total };
}

/** Downloads what is missing of the file; returns its size in bytes. @throws whatever broke; call again to go on. */
export async function downloadFile(remote: Remote, target: Target, transfer: Transfer): Promise<number> {
  const kept = await keptBytes(target);
  if (kept.complete) return kept.size;
  const start: Start = kept.meta.validator === undefined ? { offset: 0 } : { offset: kept.size, validator: kept.meta.validator };
  const idle = idleTimer(transfer, remote.what);
  try {
    const opened = await remote.open(start, idle.signal);
    return await receive(opened, remote.what, target, { ...transfer, ...idle, kept: kept.size });
  } finally {
    idle.stop();
  }
}

interface Receiving extends Transfer, Idle {
  /** Bytes that the progress has counted for this file already. */
  kept: number;
}

async function receive(opened: Opened, what: string, target: Target, receiving: Receiving): Promise<number> {
  const { offset, total, validator } = opened;
  const { progress } = receiving;
  progress.add(offset - receiving.kept);
  await needSpace(target.file, (total ?? 0) - offset);
  if (offset === 0) await startOver(target, { ...(total === undefined ? {} : { total }), ...(validator === undefined ? {} : { validator }) });
  else await truncate(target.file, offset);
  const size = await append(opened, target.file, receiving);
  if (total !== undefined && size !== total) {
    throw new FetchError('DownloadInterrupted', `${what}: ended after ${String(size)} of ${String(total)} bytes`);
  }
  if (total === undefined) await writeMeta(target, { ...(validator === undefined ? {} : { validator }), total: size });
  return size;
}

/** Writes each chunk before it takes the next: what arrived before a connection broke is on the disk. */
async function append({ stream, offset }: Opened, file: string, { signal, touch, progress }: Receiving): Promise<number> {
  const handle = await open(file, offset === 0 ? 'w' : 'r+');
  let size = offset;
  try {
    for await (const chunk of addAbortSignal(signal, stream) as AsyncIterable<Buffer>) {
      touch();
      await writeAll(handle, chunk, size);
      size += chunk.length;
      progress.add(chunk.length);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await handle.close();
  }
  return size;
}

async function writeAll(handle: FileHandle, chunk: Buffer, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    done += (await handle.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
  }
}

async function startOver(target: Target, meta: Meta): Promise<void> {
  await mkdir(path.dirname(target.file), { recursive: true });
  await rm(target.file, { force: true });
  await writeMeta(target, meta);
}

async function writeMeta(target: Target, meta: Meta): Promise<void> {
  await mkdir(path.dirname(target.meta), { recursive: true });
  await writeFile(`${target.meta}.new`, JSON.stringify(meta));
  await rename(`${target.meta}.new`, target.meta);
}

/** @throws FetchError DiskFull when the volume of the file has less than that many bytes free. */
export async function needSpace(file: string, bytes: number): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const volume = await statfs(path.dirname(file));
  const free = volume.bavail * volume.bsize;
  if (bytes > free) throw new FetchError('DiskFull', `${bytesText(bytes)} more are needed and ${bytesText(free)} are free`);
}

interface Idle {
  signal: AbortSignal;
  touch: () => void;
  stop: () => void;
}

/** A signal that aborts with the transfer, or when nothing touched it for idleMs. */
function idleTimer(transfer: Transfer, what: string): Idle {
  const silence = new AbortController();
  const expire = (): void => {
    silence.abort(new FetchError('DownloadTimeout', `${what}: no byte for ${String(transfer.idleMs / 1000)} s`));
  };
  const timer = setTimeout(expire, transfer.idleMs);
  return { signal: AbortSignal.any([transfer.signal, silence.signal]), touch: () => timer.refresh(), stop: () => { clearTimeout(timer); } };
}
