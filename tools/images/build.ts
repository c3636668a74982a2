// Builds the images without Docker, as OCI archives in the cache: base, native and application layers, each made only when its
// content changes. It must not know where the images go.
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { cacheRoot, sha256 } from '../cache.ts';
import { ensureTensorFlow, type NativeTensorFlow } from '../tensorflow/setup.ts';
import type { Note } from '../progress.ts';
import { baseEntries, libraryEntries, sharedLibraries } from './base.ts';
import { cachedBundle } from './bundle-cache.ts';
import { isSuperfluous } from './archives.ts';
import { openHashes } from './hashes.ts';
import { makeLayer, type Layer } from './layer.ts';
import { appEntries, onnxEntries, tensorflowEntries, tensorflowSystemLibraries } from './layers.ts';
import { sampleModelEntries } from './models.ts';
import { containerConfig, imageDocuments, writeArchive } from './oci.ts';
import { IMAGES, type ImageName, type ImageSpec } from './spec.ts';
import type { Entry } from './tar.ts';

/** What to build. */
export interface BuildRequest {
  /** Repository root. */
  readonly root: string;
  /** Prefix of the image names, without a trailing slash. */
  readonly registry: string;
  /** Default: each image named by its content, so that an upgrade replaces what changed and nothing else. */
  readonly tag?: string | undefined;
  readonly note: Note;
  readonly signal?: AbortSignal | undefined;
}

/** One finished image. Sizes are bytes. */
export interface BuiltImage {
  readonly name: ImageName;
  readonly ref: string;
  /** OCI archive. */
  readonly archive: string;
  readonly digest: string;
  readonly compressed: number;
  readonly unpacked: number;
  readonly layers: number;
  /** True if every layer came from the cache. */
  readonly cached: boolean;
}

const UNUSED_MS = 7 * 24 * 3600_000;

/** Builds all images; what the cache has costs little. Throws with the compiler's message if a source does not compile. */
export async function buildImages(request: BuildRequest): Promise<BuiltImage[]> {
  const cache = path.join(cacheRoot(), 'images');
  await mkdir(cache, { recursive: true });
  const native = await ensureTensorFlow(request.root, { note: request.note, signal: request.signal });
  const hashes = await openHashes(path.join(cache, 'hashes.json'));
  request.note('base layer');
  const base = await baseEntries(cache, hashes);
  const built: BuiltImage[] = [];
  for (const spec of IMAGES) {
    request.signal?.throwIfAborted();
    request.note(spec.name);
    const layers: Layer[] = [];
    const app = appEntries(await cachedBundle({ cache, hashes }, request.root, spec.bundles));
    const below = await lowerLayers(request.root, spec, base, native);
    for (const entries of [...below, app]) layers.push(await makeLayer({ cache, hashes }, entries));
    built.push(await writeImage(cache, request, spec, layers));
  }
  await hashes.save();
  await removeUnused(cache, built);
  return built;
}

/** Entries of the layers below the application, from what changes least to what changes most. */
async function lowerLayers(root: string, spec: ImageSpec, base: Entry[], native: NativeTensorFlow): Promise<Entry[][]> {
  const onnx = spec.onnx ? [await onnxLayer(root, base)] : [];
  const tensorflow = spec.tensorflow ? [await tensorflowLayer(native, base)] : [];
  const models = spec.sampleModels ? [await sampleModelEntries(path.join(root, 'models'))] : [];
  return [base, ...onnx, ...tensorflow, ...models];
}

/** libtensorflow, the addon, and the C libraries that the base does not have. */
async function tensorflowLayer(native: NativeTensorFlow, base: readonly Entry[]): Promise<Entry[]> {
  return [...(await tensorflowEntries(native)), ...(await libraryEntries(notIn(base, await tensorflowSystemLibraries(native))))];
}

/** libonnxruntime, its addon, and the C libraries that the base does not have. */
async function onnxLayer(root: string, base: readonly Entry[]): Promise<Entry[]> {
  const entries = await onnxEntries(root);
  const files = entries.flatMap((entry) => (entry.kind === 'file' ? [entry.file] : []));
  const needed = new Set((await Promise.all(files.map(sharedLibraries))).flat().filter((library) => !library.includes('node_modules')));
  return [...entries, ...(await libraryEntries(notIn(base, [...needed].sort())))];
}

function notIn(base: readonly Entry[], libraries: readonly string[]): string[] {
  const there = new Set(base.map((entry) => `/${entry.path}`));
  return libraries.filter((library) => !there.has(library));
}

async function writeImage(cache: string, request: BuildRequest, spec: ImageSpec, layers: readonly Layer[]): Promise<BuiltImage> {
  const documents = imageDocuments(containerConfig(spec), layers);
  const ref = `${request.registry}/${spec.name}:${request.tag ?? `dev-${documents.digest.slice('sha256:'.length).slice(0, 12)}`}`;
  const archive = path.join(cache, `${spec.name}-${sha256(`${documents.digest} ${ref}`).slice(0, 16)}.tar`);
  await writeArchive(archive, { documents, layers, ref });
  const now = new Date();
  await utimes(archive, now, now); // in use, also where it was there already
  const sum = (size: (layer: Layer) => number): number => layers.reduce((total, layer) => total + size(layer), 0);
  return {
    name: spec.name, ref, archive, digest: documents.digest, layers: layers.length, cached: layers.every((layer) => !layer.made),
    compressed: sum((layer) => layer.size), unpacked: sum((layer) => layer.unpacked),
  };
}

/** Keeps the archives that somebody may need, and the layers and bundles of this week. */
async function removeUnused(cache: string, built: readonly BuiltImage[]): Promise<void> {
  const archives = await byAge(cache, (name) => name.endsWith('.tar'));
  for (const { name, archive } of built) {
    const others = archives.filter((file) => file.path !== archive);
    await Promise.all(others.filter(isSuperfluous(name, Date.now())).map((file) => rm(file.path, { force: true })));
  }
  for (const folder of ['layers', 'bundles']) {
    const unused = (await byAge(path.join(cache, folder), () => true)).filter((entry) => Date.now() - entry.mtimeMs > UNUSED_MS);
    await Promise.all(unused.map((entry) => rm(entry.path, { recursive: true, force: true })));
  }
}

/** What is in a folder, newest first. */
async function byAge(folder: string, wanted: (name: string) => boolean): Promise<{ path: string; mtimeMs: number }[]> {
  const names = (await readdir(folder)).filter(wanted);
  const found = await Promise.all(names.map(async (name) => {
    const at = path.join(folder, name);
    return { path: at, mtimeMs: (await stat(at).catch(() => undefined))?.mtimeMs ?? 0 };
  }));
  return found.sort((a, b) => b.mtimeMs - a.mtimeMs);
}
