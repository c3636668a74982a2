// Compiles tfjs-node's native addon. It uses Node-API only, so two source files, the C headers of libtensorflow and Node's own are all it
// takes; no node-gyp. It must not know where libtensorflow came from.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { cachedDirectory, exists, sha256 } from '../cache.ts';
import { exec } from '../exec.ts';
import type { StepContext } from './wheel.ts';

/** Node-API version the addon is compiled for, and the folder tfjs-node looks in. */
export const NAPI_VERSION = 8;
const SOURCES = ['binding/tfjs_backend.cc', 'binding/tfjs_binding.cc'];
const COMPILE_TIMEOUT_MS = 5 * 60_000;

/** What the addon is made of. */
export interface AddonInputs {
  /** Folder of the installed @tensorflow/tfjs-node. */
  packageDirectory: string;
  packageVersion: string;
  /** Folder with include/ and lib/ of libtensorflow. */
  library: string;
}

/** Returns the path of the compiled addon, compiling it (about 10 s) unless the cache has it for these versions and this compiler. */
export async function compiledAddon(inputs: AddonInputs, context: StepContext): Promise<string> {
  const compiler = await compilerIdentity();
  const key = sha256([inputs.packageVersion, path.basename(inputs.library), compiler, process.version, `napi-v${NAPI_VERSION}`].join('\n')).slice(0, 16);
  const directory = path.join(context.cache, `addon-${inputs.packageVersion}-${key}`);
  await cachedDirectory(directory, async (partial) => {
    context.note('compiling the addon');
    await mkdir(partial, { recursive: true });
    await compile(inputs, path.join(partial, 'tfjs_binding.node'), context.signal);
  });
  return path.join(directory, 'tfjs_binding.node');
}

async function compilerIdentity(): Promise<string> {
  return exec(['g++', '-dumpfullversion', '-dumpmachine']).catch(() => {
    throw new Error("tfjs-node's native addon is compiled with g++, which is not here; install it with: apt-get install -y g++");
  });
}

async function compile(inputs: AddonInputs, output: string, signal: AbortSignal | undefined): Promise<void> {
  const headers = path.resolve(process.execPath, '..', '..', 'include', 'node');
  if (!(await exists(path.join(headers, 'node_api.h')))) {
    throw new Error(`the headers of Node ${process.version} are missing from ${headers}; use the Node that "npm ci" installs, or one from https://nodejs.org`);
  }
  const library = path.join(inputs.library, 'lib');
  await exec([
    'g++', '-std=c++17', '-O2', '-fPIC', '-shared', '-w', `-DNAPI_VERSION=${NAPI_VERSION}`, '-I', headers, '-I', path.join(inputs.library, 'include'),
    ...SOURCES, '-o', output, '-L', library, '-ltensorflow', '-ltensorflow_framework', '-Wl,-rpath,$ORIGIN/../../deps/lib', '-s',
  ], { cwd: inputs.packageDirectory, timeoutMs: COMPILE_TIMEOUT_MS, signal });
}
