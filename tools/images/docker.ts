// Builds the images with Docker, for clusters that take them from Docker's store. The Dockerfile decides what is in them.
import { exec } from '../exec.ts';
import type { BuildRequest } from './build.ts';
import { IMAGES, type ImageName } from './spec.ts';

const BUILD_TIMEOUT_MS = 30 * 60_000;

/** An image in Docker's store. Size in bytes. */
export interface DockerImage { readonly name: ImageName; readonly ref: string; readonly unpacked: number }

/** Builds every target and names it by its content unless a tag is asked for. Throws with Docker's words if a build fails. */
export async function buildWithDocker(request: BuildRequest): Promise<DockerImage[]> {
  const images: DockerImage[] = [];
  for (const { name } of IMAGES) {
    request.note(`docker build --target ${name}`);
    const command = ['docker', 'build', '--quiet', '--target', name, request.root] as const;
    const id = (await exec(command, { signal: request.signal, timeoutMs: BUILD_TIMEOUT_MS })).trim();
    const tag = request.tag ?? `dev-${id.replace('sha256:', '').slice(0, 12)}`;
    images.push(await tagImage(name, id, `${request.registry}/${name}:${tag}`));
  }
  return images;
}

async function tagImage(name: ImageName, id: string, ref: string): Promise<DockerImage> {
  await exec(['docker', 'tag', id, ref]);
  return { name, ref, unpacked: Number(await exec(['docker', 'image', 'inspect', '--format', '{{.Size}}', ref])) };
}
