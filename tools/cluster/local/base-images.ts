// The two images that every local cluster needs, made of the programs alone: one static executable, one layer, no shell.
// Written as OCI archives into the cache. It must not know who imports them.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { cachedDirectory, cacheRoot, sha256 } from '../../cache.ts';
import { openHashes } from '../../images/hashes.ts';
import { makeLayer } from '../../images/layer.ts';
import { imageDocuments, writeArchive } from '../../images/oci.ts';
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
    const store = { cache: partial, hashes: await openHashes(path.join(partial, 'hashes.json')) };
    const layers = [await makeLayer(store, [{ path: where, mode: 0o755, kind: 'file', file: program }])];
    const documents = imageDocuments({ Entrypoint: [`/${where}`], WorkingDir: '/' }, layers);
    await writeArchive(path.join(partial, `${name}.tar`), { documents, layers, ref });
    await rm(path.join(partial, 'layers'), { recursive: true });
  });
  return { ref, archive };
}

/** Images of the pod sandbox and of the cluster's DNS server. */
export async function baseImages(programs: { pause: string; coredns: string }): Promise<Image[]> {
  return [await programImage(BASE_IMAGES.pause, programs.pause, 'pause'), await programImage(BASE_IMAGES.coredns, programs.coredns, 'coredns')];
}
