// Images for people: one line each, with what they weigh. It must not know how they are built.
import type { BuiltImage } from './build.ts';
import type { DockerImage } from './docker.ts';

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** `operator   slipway.local/operator:dev  41.2 MB compressed, 118 MB unpacked, 2 layers, cached`. */
export function imageLine(image: BuiltImage): string {
  const state = image.cached ? 'cached' : 'built';
  return `${image.name.padEnd(11)} ${image.ref}  ${megabytes(image.compressed)} compressed, ${megabytes(image.unpacked)} unpacked, ${image.layers} layers, ${state}`;
}

/** The same for an image in Docker's store, which tells only the unpacked size. */
export function dockerImageLine(image: DockerImage): string {
  return `${image.name.padEnd(11)} ${image.ref}  ${megabytes(image.unpacked)} unpacked`;
}
