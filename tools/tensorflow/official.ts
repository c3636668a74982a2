// tfjs-node's own installation: the binaries its authors publish, by the package's own install step, run in a copy of the package so that
// a broken download never damages the installed one. It must not know the other way (the wheel).
import { cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cachedDirectory, exists, isIntact } from '../cache.ts';
import { exec } from '../exec.ts';
import { NAPI_VERSION, type AddonInputs } from './addon.ts';
import type { StepContext } from './wheel.ts';

const HOST = 'https://storage.googleapis.com/';
const PROBE_TIMEOUT_MS = 4000;
const INSTALL_TIMEOUT_MS = 10 * 60_000;

/** Folder of the cache for the official binaries of one package version, and whether it holds them. */
export async function officialEntry(cache: string, packageVersion: string): Promise<{ directory: string; ready: boolean }> {
  const directory = path.join(cache, `official-${packageVersion}-${process.platform}-${process.arch}`);
  return { directory, ready: await isIntact(directory) };
}

/** True if the authors' download host answers within a few seconds; offline or behind a wall it is false, never a wait. */
export async function officialIsReachable(env: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  const host = env['TFJS_NODE_CDN_STORAGE'] || env['CDN_STORAGE'] || HOST;
  return fetch(new URL('tensorflow/libtensorflow/', host), { method: 'HEAD', signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) }).then(() => true, () => false);
}

/** Runs the package's install step and keeps what it made. Returns the folder with lib/ and tfjs_binding.node. Throws if it fails. */
export async function libraryFromOfficial(inputs: Omit<AddonInputs, 'library'>, context: StepContext): Promise<string> {
  const { directory } = await officialEntry(context.cache, inputs.packageVersion);
  await cachedDirectory(directory, (partial) => installInto(partial, inputs.packageDirectory, context));
  return directory;
}

async function installInto(partial: string, packageDirectory: string, { note, signal }: StepContext): Promise<void> {
  const copy = path.join(partial, 'copy');
  await cp(packageDirectory, copy, { recursive: true, filter: (from) => !['deps', 'lib', 'build-tmp-napi-v8'].includes(path.relative(packageDirectory, from)) });
  note('downloading the official binaries');
  const modules = path.resolve(packageDirectory, '..', '..');
  const binaries = [path.join(packageDirectory, 'node_modules', '.bin'), path.join(modules, '.bin'), path.dirname(process.execPath)];
  const env = { ...process.env, NODE_PATH: modules, PATH: [...binaries, process.env['PATH']].join(path.delimiter) };
  await exec([process.execPath, 'scripts/install.js'], { cwd: copy, env, timeoutMs: INSTALL_TIMEOUT_MS, signal });
  const addon = path.join(copy, 'lib', `napi-v${NAPI_VERSION}`, 'tfjs_binding.node');
  if (!(await exists(addon))) throw new Error('the official install step made no addon');
  await rename(addon, path.join(partial, 'tfjs_binding.node'));
  await rename(path.join(copy, 'deps', 'lib'), path.join(partial, 'lib'));
  await keepLicences(path.join(copy, 'deps'), path.join(partial, 'licenses'));
  await rm(copy, { recursive: true });
}

async function keepLicences(from: string, to: string): Promise<void> {
  await mkdir(to);
  await writeFile(path.join(to, 'SOURCE'), 'official binaries of @tensorflow/tfjs-node\n');
  for (const name of await readdir(from)) {
    if (/LICENSE/.test(name)) await rename(path.join(from, name), path.join(to, name));
  }
}
