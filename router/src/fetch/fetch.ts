// Owns the order of things: what is there is reused, else download, unpack, verify, install. Must not read the
// environment or end the process.
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import type { FetchedPackage } from '@slipway/api';
import { unpack } from './archive.ts';
import type { FetchConfig } from './config.ts';
import { FetchError } from './failures.ts';
import { copyFolder, kindOf } from './file-source.ts';
import { httpRemote } from './http-source.ts';
import { install, installed, keepOnly, measure, stagingFolder } from './install.ts';
import type { Measured } from './install.ts';
import { packageRoot } from './package-files.ts';
import { bytesText } from './progress.ts';
import { downloadFile, keptBytes } from './resume.ts';
import type { Remote, Target } from './resume.ts';
import { withRetries } from './retry.ts';
import type { Attempts } from './retry.ts';
import { listPackage, s3Client, s3Remote } from './s3-source.ts';
import type { S3Object } from './s3-source.ts';
import { parseStorageUri, withoutSecrets } from './storage-uri.ts';
import type { ArchiveKind, Source } from './storage-uri.ts';

/** Objects that are read from S3 at the same time. */
const S3_CONCURRENCY = 4;

interface Run extends Attempts {
  idleMs: number;
}

interface Job {
  config: FetchConfig;
  run: Run;
  staging: string;
}

/**
 * Brings the package of `config.storageUri` to `<destination>/<digest>/` and records it; a former run's work is reused.
 * @throws FetchError with a reason of the catalogue.
 */
export async function fetchPackage(config: FetchConfig, attempts: Attempts): Promise<FetchedPackage> {
  const source = parseStorageUri(config.storageUri, { allowLoopbackHttp: config.allowLoopbackHttp });
  const former = await installed(config.destination, config.storageUri, attempts.signal);
  if (former !== undefined) {
    attempts.log(`${withoutSecrets(config.storageUri)} is here already (${former.digest})`);
    return finish(config, attempts, former);
  }
  const job: Job = { config, run: { ...attempts, idleMs: config.idleMs }, staging: stagingFolder(config.destination, config.storageUri) };
  try {
    const folder = await obtain(source, job);
    attempts.progress.enter('Verifying');
    const measured = await measure(folder, attempts.signal);
    const fetched = finish(config, attempts, { storageUri: config.storageUri, path: measured.digest, ...measured });
    await install(config.destination, folder, fetched);
    return fetched;
  } catch (error) {
    // What is wrong in itself would be wrong again; what is only unfinished stays for the next run.
    if (error instanceof FetchError && UNUSABLE.has(error.reason)) await rm(job.staging, { recursive: true, force: true });
    throw error;
  }
}

const UNUSABLE = new Set<string>(['DigestMismatch', 'PackageChanged', 'ArchiveInvalid', 'DownloadNotFound']);

function finish(config: FetchConfig, { progress }: Attempts, fetched: FetchedPackage): FetchedPackage {
  checkDigest(config, fetched);
  progress.expect(fetched.bytes, fetched.bytes);
  progress.enter('Done');
  return fetched;
}

function checkDigest(config: FetchConfig, { digest }: Measured): void {
  const { expectedSha256: expected, pinnedSha256: pinned } = config;
  if (expected !== undefined && expected !== digest) {
    throw new FetchError('DigestMismatch', `the package digest is ${digest}, spec.model.sha256 asks for ${expected}`);
  }
  if (pinned !== undefined && pinned !== digest) {
    throw new FetchError('PackageChanged', `the package digest is ${digest}, the first pod of this revision got ${pinned}`);
  }
}

/** Brings the package's files under the staging folder; returns their folder. */
async function obtain(source: Source, job: Job): Promise<string> {
  switch (source.kind) {
    case 'file':
      return fromFile(source, job);
    case 'http':
      return fromArchive(httpRemote(source.url), source.archive, job);
    case 's3':
      return fromS3(source, job);
  }
}

async function fromFile(source: Extract<Source, { kind: 'file' }>, job: Job): Promise<string> {
  if ((await kindOf(source.path)) === 'file') {
    if (source.archive !== undefined) return unpacked(source.path, source.archive, job);
    throw new FetchError('StorageUriInvalid', `file://${source.path} is a single file; a package is a folder, a .tar.gz or a .zip`);
  }
  const target = path.join(job.staging, 'package');
  await copyFolder(source.path, target, job.run);
  return target;
}

async function fromS3(source: Extract<Source, { kind: 's3' }>, job: Job): Promise<string> {
  const client = s3Client(job.config.s3);
  try {
    if (source.archive !== undefined) return await fromArchive(s3Remote(client, source.bucket, { key: source.prefix }), source.archive, job);
    const what = `s3://${source.bucket}/${source.prefix}`;
    return await withRetries(() => downloadObjects(client, source, job), what, job.run);
  } finally {
    client.destroy();
  }
}

async function fromArchive(remote: Remote, kind: ArchiveKind, job: Job): Promise<string> {
  const { run, staging } = job;
  const target: Target = { file: path.join(staging, 'archive'), meta: path.join(staging, 'archive.json') };
  const watched: Remote = {
    what: remote.what,
    open: async (start, signal) => {
      const opened = await remote.open(start, signal);
      run.progress.total(opened.total);
      run.progress.enter('Downloading');
      return opened;
    },
  };
  const attempt = async (): Promise<void> => {
    const kept = await keptBytes(target);
    run.progress.expect(kept.size, kept.meta.total);
    if (kept.size > 0) run.log(`${bytesText(kept.size)} of ${remote.what} are here already`);
    await downloadFile(watched, target, run);
  };
  await withRetries(attempt, remote.what, run);
  return unpacked(target.file, kind, job);
}

async function unpacked(archive: string, kind: ArchiveKind, { run, staging }: Job): Promise<string> {
  run.progress.enter('Unpacking');
  const folder = path.join(staging, 'package');
  await rm(folder, { recursive: true, force: true });
  const files = await unpack(archive, kind, folder, { signal: run.signal });
  return path.join(folder, packageRoot(files, { unwrap: true }));
}

async function downloadObjects(client: S3Client, { bucket, prefix }: { bucket: string; prefix: string }, job: Job): Promise<string> {
  const objects = await listPackage(client, bucket, prefix, listingSignal(job.run, `s3://${bucket}/${prefix}`));
  const folder = path.join(job.staging, 'package');
  await keepOnly(folder, objects.map((object) => object.name));
  const targets = objects.map((object) => ({ object, target: targetOf(object, folder, job) }));
  const kept = await Promise.all(targets.map(({ target }) => keptBytes(target)));
  job.run.progress.expect(sum(kept.map(({ size }) => size)), sum(objects.map((object) => object.bytes)));
  job.run.progress.enter('Downloading');
  const queue = targets.values();
  const worker = async (): Promise<void> => {
    for (const { object, target } of queue) await downloadFile(s3Remote(client, bucket, object), target, job.run);
  };
  const results = await Promise.allSettled(Array.from({ length: S3_CONCURRENCY }, worker));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return folder;
}

/** A storage that takes the question and never answers must not hold the download for the whole deadline. */
function listingSignal({ signal, idleMs }: Run, what: string): AbortSignal {
  const silence = new AbortController();
  setTimeout(() => { silence.abort(new FetchError('DownloadTimeout', `${what}: no answer for ${String(idleMs / 1000)} s`)); }, idleMs).unref();
  return AbortSignal.any([signal, silence.signal]);
}

/** The record beside a file is named after the object's content too, so that an overwritten object starts anew. */
function targetOf(object: S3Object, folder: string, { staging }: Job): Target {
  const id = createHash('sha256').update(`${object.name}\0${object.etag}`).digest('hex');
  return { file: path.join(folder, object.name), meta: path.join(staging, 'objects', `${id}.json`) };
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
