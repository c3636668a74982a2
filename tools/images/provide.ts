// Brings the images of this checkout to a cluster, built in the way that the cluster takes them. Used by npm start and by the
// end-to-end tests. It must not know what is installed with them.
import type { Cluster } from '../cluster/cluster.ts';
import type { Note } from '../progress.ts';
import { buildImages } from './build.ts';
import { buildWithDocker } from './docker.ts';
import { dockerImageLine, imageLine } from './print.ts';
import type { ImageName } from './spec.ts';

/** What the chart needs to know about the images, and what a person may like to see. */
export interface ProvidedImages {
  /** Complete name of each image: the chart's values images.operator, images.router and images.server. */
  readonly refs: Readonly<Record<ImageName, string>>;
  /** One line per image with its size. */
  readonly lines: readonly string[];
  readonly summary: string;
}

/** Builds the images as `cluster` takes them (Docker's store or archives) and loads them. Repeating it costs seconds. */
export async function provideImages(cluster: Cluster, options: { root: string; note: Note; signal?: AbortSignal | undefined }): Promise<ProvidedImages> {
  const request = { ...options, registry: cluster.registry };
  return cluster.images === 'docker' ? viaDocker(cluster, request) : viaArchives(cluster, request);
}

type Request = Parameters<typeof buildImages>[0];

async function viaArchives(cluster: Cluster, request: Request): Promise<ProvidedImages> {
  const images = await buildImages(request);
  request.note('loading into the cluster');
  await cluster.loadImages(images.map(({ ref, archive }) => ({ ref, archive })));
  const cached = images.filter((image) => image.cached).length;
  return { refs: refsOf(images), lines: images.map(imageLine), summary: `${images.length} images, ${cached} of them cached` };
}

async function viaDocker(cluster: Cluster, request: Request): Promise<ProvidedImages> {
  const images = await buildWithDocker(request);
  request.note('loading into the cluster');
  await cluster.loadImages(images.map(({ ref }) => ({ ref })));
  return { refs: refsOf(images), lines: images.map(dockerImageLine), summary: `${images.length} images, built with Docker` };
}

function refsOf(images: readonly { name: ImageName; ref: string }[]): Record<ImageName, string> {
  return Object.fromEntries(images.map(({ name, ref }) => [name, ref])) as Record<ImageName, string>;
}
