// Makes a model package: copies the files, loads the model in its real runtime, writes model.yaml from what the runtime says, and puts
// the folder (or a .tar.gz with the same bytes every time) in place in one step. It must not print or read arguments.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { dump } from 'js-yaml';
import { MODEL_PACKAGE_API, ModelPackage, packageIssues } from '@slipway/api';
import { packageDigest } from '../../router/src/fetch/package-files.ts';
import { LoadError, runtimeOf, type LoadedInfo, type RuntimeKind } from '../../server/src/backends/backend.ts';
import { ModelRunner } from '../../server/src/backends/model-runner.ts';
import { WorkerPool } from '../../server/src/backends/worker-pool.ts';
import { readPackage } from '../../server/src/models/model-package.ts';
import { specFor } from '../../server/src/models/spec.ts';
import { tarChunks, withFolders, type Entry } from '../images/tar.ts';
import { openSource, PackError, type Source } from './sources.ts';

export interface PackOptions {
  /** Default: what the source calls itself. */
  name?: string | undefined;
  version?: string | undefined;
  /** SavedModel signature; default serving_default. */
  signature?: string | undefined;
  /** Folder, or file for an archive. Default: <name>-<version>, with .tar.gz for an archive. */
  out?: string | undefined;
  tar: boolean;
  /** Replaces what is at `out`. */
  force: boolean;
  /** Sets up the runtime that is about to load the model. */
  setUp?: ((runtime: RuntimeKind) => Promise<void>) | undefined;
}

export interface Packed {
  manifest: ModelPackage;
  at: string;
  files: number;
  /** Bytes of the package's files. */
  bytes: number;
  /** Digest of the package, folder or archive: what spec.model.sha256 takes. */
  digest: string;
}

const DEFAULT_SIGNATURE = 'serving_default';
const HEAP_MB = 1024;

/** @throws PackError or LoadError, with nothing left at `out` but what was there before. */
export async function pack(source: string, options: PackOptions): Promise<Packed> {
  const opened = openSource(source);
  const name = cleaned(options.name ?? opened.name);
  const version = usable(options.version ?? cleaned(opened.version ?? 'v1'));
  const at = placeFor(`${name}-${version}`, options);
  await mkdir(path.dirname(at), { recursive: true });
  const work = await mkdtemp(path.join(path.dirname(at), '.slipway-pack-'));
  try {
    const folder = path.join(work, 'package');
    const entries = await writeFiles(folder, opened);
    const manifest = await manifestFor(folder, { name, version, signature: options.signature }, options.setUp);
    const yaml = Buffer.from(dump(manifest, { lineWidth: 120, noRefs: true, flowLevel: 3 }));
    await writeFile(path.join(folder, 'model.yaml'), yaml);
    const all: Entry[] = [...entries, { path: 'model.yaml', mode: 0o644, kind: 'bytes', bytes: yaml }];
    const archive = options.tar ? await archiveOf(all) : undefined;
    const made = path.join(work, archive === undefined ? 'package' : 'archive');
    if (archive !== undefined) await writeFile(made, archive);
    await rm(at, { recursive: true, force: true });
    await rename(made, at);
    return { manifest, at, files: all.length, bytes: sizeOf(all), digest: digestOf(all) };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** @throws PackError if something is there that may not be replaced. */
function placeFor(called: string, { out, tar, force }: PackOptions): string {
  const at = path.resolve(out ?? `${called}${tar ? '.tar.gz' : ''}`);
  if (existsSync(at) && !force) throw new PackError(`${at} exists; give another --out, or --force to replace it`);
  return at;
}

/** A version is part of paths too. @throws PackError */
function usable(version: string): string {
  if (ModelPackage.shape.version.safeParse(version).success) return version;
  throw new PackError(`version ${version}: use letters, digits, dots, hyphens and underscores, at most 63, beginning with a letter or digit`);
}

/** Names of models are also parts of URLs and paths. */
const cleaned = (name: string): string => name.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '').slice(0, 63) || 'model';

async function writeFiles(folder: string, { files }: Source): Promise<(Entry & { bytes: Uint8Array })[]> {
  const entries: (Entry & { bytes: Uint8Array })[] = [];
  for (const [name, read] of files) {
    const bytes = read();
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), bytes);
    entries.push({ path: name, mode: 0o644, kind: 'bytes', bytes });
  }
  return entries;
}

interface Identity {
  name: string;
  version: string;
  signature: string | undefined;
}

/** What the files say when the runtime that will serve them loads them. */
async function manifestFor(folder: string, { name, version, signature }: Identity, setUp: PackOptions['setUp']): Promise<ModelPackage> {
  const files = await readPackage(folder);
  await setUp?.(runtimeOf(files.format));
  const info = await loaded({ format: files.format, path: files.modelPath, signatureName: signature ?? DEFAULT_SIGNATURE });
  const { signature: checked } = specFor({ name, version }, files, info);
  const named = path.basename(files.modelPath);
  const parsed = ModelPackage.safeParse({
    apiVersion: MODEL_PACKAGE_API,
    name,
    version,
    format: files.format,
    ...(files.format === 'onnx' && named !== 'model.onnx' ? { path: named } : {}),
    ...(signature === undefined ? {} : { signature }),
    inputs: checked.inputs,
    outputs: checked.outputs,
  });
  if (parsed.success) return parsed.data;
  throw new PackError(packageIssues(parsed.error));
}

async function loaded(request: Parameters<typeof ModelRunner.open>[1]): Promise<LoadedInfo> {
  const pool = new WorkerPool({ allowSlowBackend: false, maxHeapMb: HEAP_MB });
  try {
    const runner = await ModelRunner.open(pool, request, { workers: 1, isolation: 'thread' });
    await runner.close();
    return runner.info;
  } catch (error) {
    if (error instanceof LoadError && /External data path does not exist/.test(error.message)) throw new PackError(`${error.message}. Its weights are in files of their own: pack the folder that holds them all`);
    throw error;
  } finally {
    await pool.close();
  }
}

async function archiveOf(entries: readonly Entry[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of tarChunks(withFolders(entries))) chunks.push(chunk);
  return gzipSync(Buffer.concat(chunks), { level: 9 });
}

const sizeOf = (entries: readonly Entry[]): number => entries.reduce((sum, entry) => sum + (entry.kind === 'bytes' ? entry.bytes.byteLength : 0), 0);

const digestOf = (entries: readonly Entry[]): string =>
  packageDigest(new Map(entries.flatMap((entry) => (entry.kind === 'bytes' ? [[entry.path, createHash('sha256').update(entry.bytes).digest('hex')] as const] : []))));
