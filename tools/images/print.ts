// Images for people: one line each, with what they weigh. It must not know how they are built.
import type { BuiltImage } from './build.ts';

/** `operator   slipway.local/operator:dev  41.2 MB compressed, 118 MB unpacked, 2 layers, cached`. */
export function imageLine(image: BuiltImage): string {
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  const state = image.cached ? 'cached' : 'built';
  return `${image.name.padEnd(9)} ${image.ref}  ${megabytes(image.compressed)} compressed, ${megabytes(image.unpacked)} unpacked, ${image.layers} layers, ${state}`;
}
