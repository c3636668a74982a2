// Builds the images with Docker, for clusters that take them from Docker's store. The Dockerfile decides what is in them.
import { exec } from '../exec.ts';
import { sha256 } from '../cache.ts';
import type { BuildRequest } from './build.ts';
import { IMAGES } from './spec.ts';

const BUILD_TIMEOUT_MS = 30 * 60_000;

/** An image in Docker's store. Size in bytes. */
export interface DockerImage { readonly name: string; readonly ref: string; readonly unpacked: number }

/** Builds every target and tags all of them with one name for their content. Throws with Docker's words if a build fails. */
export async function buildWithDocker(request: BuildRequest): Promise<DockerImage[]> {
  const ids: string[] = [];
  for (const { name } of IMAGES) {
    request.note(`docker build --target ${name}`);
    const command = ['docker', 'build', '--quiet', '--target', name, request.root] as const;
    ids.push((await exec(command, { signal: request.signal, timeoutMs: BUILD_TIMEOUT_MS })).trim());
  }
  const tag = request.tag ?? `dev-${sha256(ids.join('\n')).slice(0, 12)}`;
  return Promise.all(IMAGES.map(({ name }, index) => tagImage(name, ids[index] ?? '', `${request.registry}/${name}:${tag}`)));
}

async function tagImage(name: string, id: string, ref: string): Promise<DockerImage> {
  await exec(['docker', 'tag', id, ref]);
  return { name, ref, unpacked: Number(await exec(['docker', 'image', 'inspect', '--format', '{{.Size}}', ref])) };
}
