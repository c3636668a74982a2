// The two images that every local cluster needs, made of the programs alone: one static executable, one layer, no shell.
// Written as OCI archives into the cache. It must not know who imports them.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cachedDirectory, cacheRoot, sha256 } from '../../cache.ts';
import { tarChunks } from '../../images/tar.ts';
import type { Image } from '../cluster.ts';
import { BASE_IMAGES } from './layout.ts';

/**
 * Makes an image of one static program, which is its entry point; the same program gives the same image. `where` is the
 * program's path in the image without the leading slash, for images whose users count on one.
 */
export async function programImage(ref: string, program: string, name: string, where = name): Promise<Image> {
  const folder = path.join(cacheRoot(), 'images', `${path.basename(path.dirname(program))}-${sha256(`${ref} ${where}`).slice(0, 8)}`);
  const archive = path.join(folder, `${name}.tar`);
  await cachedDirectory(folder, async (partial) => {
    await writeFile(path.join(partial, `${name}.tar`), await ociArchive(ref, where, await readFile(program)));
  });
  return { ref, archive };
}

/** Images of the pod sandbox and of the cluster's DNS server. */
export async function baseImages(programs: { pause: string; coredns: string }): Promise<Image[]> {
  return [await programImage(BASE_IMAGES.pause, programs.pause, 'pause'), await programImage(BASE_IMAGES.coredns, programs.coredns, 'coredns')];
}

const TYPES = 'application/vnd.oci.image';

/** An OCI image layout with one image of one layer, as a tar archive. */
async function ociArchive(ref: string, name: string, executable: Buffer): Promise<Buffer> {
  const layer = await tar([[name, executable, 0o755]]);
  const config = encode({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Entrypoint: [`/${name}`], WorkingDir: '/' },
    rootfs: { type: 'layers', diff_ids: [digest(layer)] },
  });
  const manifest = encode({
    schemaVersion: 2,
    mediaType: `${TYPES}.manifest.v1+json`,
    config: describe(`${TYPES}.config.v1+json`, config),
    layers: [describe(`${TYPES}.layer.v1.tar`, layer)],
  });
  const annotations = { 'io.containerd.image.name': ref, 'org.opencontainers.image.ref.name': ref.slice(ref.lastIndexOf(':') + 1) };
  const index = { schemaVersion: 2, mediaType: `${TYPES}.index.v1+json`, manifests: [{ ...describe(`${TYPES}.manifest.v1+json`, manifest), annotations }] };
  const blobs = [layer, config, manifest].map((blob): [string, Buffer, number] => [`blobs/sha256/${digest(blob).slice(7)}`, blob, 0o644]);
  return tar([['oci-layout', encode({ imageLayoutVersion: '1.0.0' }), 0o644], ['index.json', encode(index), 0o644], ...blobs]);
}

function encode(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function digest(data: Buffer): string {
  return `sha256:${sha256(data)}`;
}

function describe(mediaType: string, blob: Buffer): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest: digest(blob), size: blob.length };
}

async function tar(files: readonly (readonly [name: string, data: Buffer, mode: number])[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of tarChunks(files.map(([name, bytes, mode]) => ({ path: name, bytes, mode, kind: 'bytes' as const })))) chunks.push(chunk);
  return Buffer.concat(chunks);
}
