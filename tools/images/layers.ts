// What is in the layers above the base, as entries: the bundles, TensorFlow, ONNX Runtime, the sample models. Shared by the image builder and the
// Dockerfile's staging step. It must not know how layers are stored.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { NativeTensorFlow } from '../tensorflow/setup.ts';
import { sharedLibraries } from './base.ts';
import type { BundledFile } from './bundle.ts';
import { ADDON, APP, ONNXRUNTIME, TENSORFLOW } from './spec.ts';
import type { Entry } from './tar.ts';

/** The files of a bundle. */
export function appEntries(files: readonly BundledFile[]): Entry[] {
  return files.map(({ name, bytes }) => ({ path: `${APP.slice(1)}/${name}`, mode: 0o644, kind: 'bytes', bytes }));
}

/** libtensorflow and the addon that finds it. */
export async function tensorflowEntries(native: NativeTensorFlow): Promise<Entry[]> {
  const libraries = (await libraryFiles(native)).map((file): Entry => (
    { path: `${TENSORFLOW.slice(1)}/deps/lib/${path.basename(file)}`, mode: 0o755, kind: 'file', file }
  ));
  return [...libraries, { path: ADDON.slice(1), mode: 0o755, kind: 'file', file: native.addon }];
}

/** ONNX Runtime's library and addon for this machine's processor: an eighth of what the package holds for all platforms. */
export async function onnxEntries(root: string): Promise<Entry[]> {
  const folder = path.join(root, 'node_modules', 'onnxruntime-node', 'bin', 'napi-v6', 'linux', process.arch);
  const names = (await readdir(folder)).filter((name) => /\.(node|so[.\d]*)$/.test(name));
  return names.sort().map((name) => ({ path: `${ONNXRUNTIME.slice(1)}/${name}`, mode: 0o755, kind: 'file', file: path.join(folder, name) }));
}

/** The C libraries of this machine that libtensorflow needs, as absolute paths. */
export async function tensorflowSystemLibraries(native: NativeTensorFlow): Promise<string[]> {
  const needed = (await Promise.all((await libraryFiles(native)).map(sharedLibraries))).flat();
  return [...new Set(needed)].filter((library) => !library.startsWith(native.directory)).sort();
}

async function libraryFiles(native: NativeTensorFlow): Promise<string[]> {
  const folder = path.join(native.directory, 'lib');
  const found = await readdir(folder, { withFileTypes: true });
  return found.filter((each) => each.isFile()).map((each) => path.join(folder, each.name));
}
