// npm run images [REGISTRY [TAG]]: builds the images as OCI archives without Docker and prints where they are.
import path from 'node:path';
import { createProgress } from '../progress.ts';
import { buildImages, type BuiltImage } from './build.ts';
import { imageLine } from './print.ts';

const [registry = 'slipway.local', tag] = process.argv.slice(2);
const progress = createProgress(process.stderr);
let images: BuiltImage[] = [];
await progress.step('images', async (note) => {
  images = await buildImages({ root: path.resolve(import.meta.dirname, '..', '..'), registry, tag, note });
  return `${images.filter((image) => image.cached).length} of ${images.length} cached`;
});
for (const image of images) progress.line(`  ${imageLine(image)}`);
for (const image of images) process.stdout.write(`${image.archive}\n`);
