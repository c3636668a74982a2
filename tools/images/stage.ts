// What the Dockerfile runs instead of the image builder: writes the same files, laid out as in the image, to dist/<part>.
// Usage: stage.ts PART..., a part being an image (its bundles and models) or "tensorflow" or "onnxruntime" (the native libraries).
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ensureTensorFlow } from '../tensorflow/setup.ts';
import { bundle } from './bundle.ts';
import { appEntries, onnxEntries, tensorflowEntries } from './layers.ts';
import { sampleModelEntries } from './models.ts';
import { IMAGES } from './spec.ts';
import type { Entry } from './tar.ts';

const root = path.resolve(import.meta.dirname, '..', '..');

async function entriesOf(part: string): Promise<Entry[]> {
  if (part === 'tensorflow') return tensorflowEntries(await ensureTensorFlow(root));
  if (part === 'onnxruntime') return onnxEntries(root);
  const spec = IMAGES.find((image) => image.name === part);
  if (spec === undefined) throw new Error(`no such part: ${part}; known: tensorflow, onnxruntime, ${IMAGES.map((image) => image.name).join(', ')}`);
  return [...appEntries((await bundle(root, spec.bundles)).files), ...(spec.sampleModels ? await sampleModelEntries(path.join(root, 'models')) : [])];
}

async function write(folder: string, entry: Entry): Promise<void> {
  const target = path.join(folder, entry.path);
  await mkdir(path.dirname(target), { recursive: true });
  if (entry.kind === 'bytes') await writeFile(target, entry.bytes, { mode: entry.mode });
  if (entry.kind === 'file') await copyFile(entry.file, target);
}

for (const part of process.argv.slice(2)) {
  const folder = path.join(root, 'dist', part);
  await rm(folder, { recursive: true, force: true });
  for (const entry of await entriesOf(part)) await write(folder, entry);
}
