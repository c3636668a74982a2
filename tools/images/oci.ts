// An image as an OCI archive: manifest, configuration and layers in one tar that container runtimes import.
// It must not know what is in the layers.
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { exists, sha256 } from '../cache.ts';
import type { Layer } from './layer.ts';
import { APP, ENVIRONMENT, USER, type ImageSpec } from './spec.ts';
import { tarChunks, type Entry } from './tar.ts';

const EPOCH = '1970-01-01T00:00:00Z';
const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };
const TYPES = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+zstd',
} as const;

/** The JSON documents of an image. */
export interface ImageDocuments {
  readonly config: Buffer;
  readonly manifest: Buffer;
  /** `sha256:<hex>` of the manifest: the image's identity. */
  readonly digest: string;
}

/** How a container of the image runs, in the words of the OCI image configuration. */
export interface ContainerConfig {
  readonly Entrypoint: readonly string[];
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
}

/** How a container of one of our images runs. */
export function containerConfig(spec: ImageSpec): ContainerConfig {
  return {
    User: USER,
    Env: ENVIRONMENT,
    Entrypoint: spec.entrypoint,
    WorkingDir: APP,
    Labels: { 'org.opencontainers.image.title': spec.title, 'org.opencontainers.image.licenses': 'Apache-2.0' },
  };
}

/** Computes the documents of an image of these layers. The same layers give the same bytes. */
export function imageDocuments(container: ContainerConfig, layers: readonly Layer[]): ImageDocuments {
  const config = json({
    created: EPOCH,
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    os: 'linux',
    config: container,
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
    history: layers.map(() => ({ created: EPOCH, created_by: 'slipway' })),
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: TYPES.manifest,
    config: descriptor(TYPES.config, config),
    layers: layers.map(({ digest, size }) => ({ mediaType: TYPES.layer, digest, size })),
  });
  return { config, manifest, digest: digestOf(manifest) };
}

/** An image, and the name under which its archive shall be imported. */
export interface NamedImage { readonly documents: ImageDocuments; readonly layers: readonly Layer[]; readonly ref: string }

/** Writes the archive to `file` unless it is there; whole or not at all. */
export async function writeArchive(file: string, { documents, layers, ref }: NamedImage): Promise<void> {
  if (await exists(file)) return;
  const entries: Entry[] = [
    bytes('oci-layout', json({ imageLayoutVersion: '1.0.0' })),
    bytes('index.json', indexOf(documents.manifest, ref)),
    ...[documents.config, documents.manifest].map((blob) => bytes(blobPath(digestOf(blob)), blob)),
    ...layers.map((layer): Entry => ({ path: blobPath(layer.digest), mode: 0o644, kind: 'file', file: layer.file })),
  ];
  const partial = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}`);
  try {
    await pipeline(Readable.from(tarChunks(entries)), createWriteStream(partial));
    await rename(partial, file);
  } finally {
    await rm(partial, { force: true });
  }
}

function indexOf(manifest: Buffer, ref: string): Buffer {
  const annotations = { 'io.containerd.image.name': ref, 'org.opencontainers.image.ref.name': ref.slice(ref.lastIndexOf(':') + 1) };
  return json({ schemaVersion: 2, mediaType: TYPES.index, manifests: [{ ...descriptor(TYPES.manifest, manifest), annotations }] });
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function digestOf(blob: Uint8Array): string {
  return `sha256:${sha256(blob)}`;
}

function descriptor(mediaType: string, blob: Uint8Array): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest: digestOf(blob), size: blob.length };
}

function blobPath(digest: string): string {
  return `blobs/sha256/${digest.slice('sha256:'.length)}`;
}

function bytes(name: string, content: Uint8Array): Entry {
  return { path: name, mode: 0o644, kind: 'bytes', bytes: content };
}
