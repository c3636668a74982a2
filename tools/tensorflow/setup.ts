// Gives @tensorflow/tfjs-node its native half: the official binaries where they can be had, else libtensorflow from the pinned wheel and
// an addon compiled here. Repeating it costs a look. It swaps files in one rename each, so running processes notice nothing.
// It must not know who needs TensorFlow.
import { copyFile, lstat, mkdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cacheRoot, isIntact, sha256File } from '../cache.ts';
import { exec } from '../exec.ts';
import { compiledAddon, NAPI_VERSION } from './addon.ts';
import { libraryFromOfficial, officialEntry, officialIsReachable } from './official.ts';
import { libraryFromWheel, wheelEntry, type StepContext } from './wheel.ts';

/** What ensureTensorFlow found or made. */
export interface NativeTensorFlow {
  /** Where it is from, for people: "tensorflow-cpu 2.15.1 (wheel)". */
  source: string;
  /** Folder whose lib/ holds the shared libraries. */
  directory: string;
  /** The addon, in the cache. */
  addon: string;
  /** sha256 of the addon. */
  addonSha256: string;
}

const MARKER = '.slipway-native.json';
const PROBE_TIMEOUT_MS = 60_000;

/**
 * Makes `require('@tensorflow/tfjs-node')` work below `root` (a checkout with node_modules). Returns what is installed and whether it was
 * there already. Throws with the command that installs whatever tool is missing.
 */
export async function ensureTensorFlow(root: string, options: Partial<StepContext> = {}): Promise<NativeTensorFlow & { ready: boolean }> {
  const context: StepContext = { cache: path.join(cacheRoot(), 'libtensorflow'), note: () => undefined, ...options };
  const installed = await readInstalled(root);
  if (installed !== undefined) return { ...installed, ready: true };
  await mkdir(context.cache, { recursive: true });
  const found = await chooseSource(root, context);
  return { ...found, ready: false };
}

function packageDirectory(root: string): string {
  return path.join(root, 'node_modules', '@tensorflow', 'tfjs-node');
}

async function packageInputs(root: string): Promise<{ packageDirectory: string; packageVersion: string }> {
  const directory = packageDirectory(root);
  const { version } = JSON.parse(await readFile(path.join(directory, 'package.json'), 'utf8')) as { version: string };
  return { packageDirectory: directory, packageVersion: version };
}

/** What is linked into the package now, if all of it is as it was when it was put there. */
async function readInstalled(root: string): Promise<NativeTensorFlow | undefined> {
  const at = packageDirectory(root);
  const marker = await readFile(path.join(at, MARKER), 'utf8').catch(() => undefined);
  if (marker === undefined) return undefined;
  const native = JSON.parse(marker) as NativeTensorFlow;
  const link = await readlink(path.join(at, 'deps')).catch(() => undefined);
  if (link !== native.directory || !(await isIntact(native.directory))) return undefined;
  const addon = await sha256File(installedAddon(at)).catch(() => undefined);
  return addon === native.addonSha256 ? native : undefined;
}

function installedAddon(at: string): string {
  return path.join(at, 'lib', `napi-v${NAPI_VERSION}`, 'tfjs_binding.node');
}

/** Official binaries if the cache has them or they can be downloaded; the wheel otherwise, and at once if the cache has that. */
async function chooseSource(root: string, context: StepContext): Promise<NativeTensorFlow> {
  const inputs = await packageInputs(root);
  const official = await officialEntry(context.cache, inputs.packageVersion);
  const wheel = process.platform === 'linux' && (await wheelEntry(context.cache)).ready;
  if (official.ready || (!wheel && (await officialIsReachable()))) {
    try {
      return await install(root, await fromOfficial(inputs, context));
    } catch (error) {
      if (process.platform !== 'linux' || context.signal?.aborted) throw error;
      await rm(official.directory, { recursive: true, force: true });
      context.note(`the official binaries do not work here (${firstLine(error)}); using the wheel`);
    }
  }
  if (process.platform !== 'linux') throw new Error('the official TensorFlow binaries cannot be downloaded, and only Linux has another way; check the network');
  return install(root, await fromWheel(inputs, context));
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n', 1)[0] ?? '';
}

type Inputs = Awaited<ReturnType<typeof packageInputs>>;

async function fromOfficial(inputs: Inputs, context: StepContext): Promise<Omit<NativeTensorFlow, 'addonSha256'>> {
  const directory = await libraryFromOfficial(inputs, context);
  return { source: `official binaries of tfjs-node ${inputs.packageVersion}`, directory, addon: path.join(directory, 'tfjs_binding.node') };
}

async function fromWheel(inputs: Inputs, context: StepContext): Promise<Omit<NativeTensorFlow, 'addonSha256'>> {
  const { wheel, directory } = await libraryFromWheel(context);
  const addon = await compiledAddon({ ...inputs, library: directory }, context);
  return { source: `${wheel.distribution} ${wheel.version} (wheel)`, directory, addon };
}

async function install(root: string, found: Omit<NativeTensorFlow, 'addonSha256'>): Promise<NativeTensorFlow> {
  const at = packageDirectory(root);
  const native = { ...found, addonSha256: await sha256File(found.addon) };
  await replace(path.join(at, 'deps'), (temporary) => symlink(native.directory, temporary));
  await mkdir(path.dirname(installedAddon(at)), { recursive: true });
  await replace(installedAddon(at), (temporary) => copyFile(native.addon, temporary));
  await probe(at);
  await replace(path.join(at, MARKER), (temporary) => writeFile(temporary, JSON.stringify(native)));
  return native;
}

/** Puts a file or link in place of another in one step. */
async function replace(target: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${target}.${process.pid}`;
  await rm(temporary, { recursive: true, force: true });
  await make(temporary);
  const old = await lstat(target).catch(() => undefined);
  if (old?.isDirectory()) await rm(target, { recursive: true });
  await rename(temporary, target);
}

/** Loads the package in a process of its own and computes something. Throws with what it said if it cannot. */
async function probe(at: string): Promise<void> {
  const script = `require('util').isNullOrUndefined ??= (v) => v == null; const tf = require(${JSON.stringify(at)});
    if (tf.tensor([1, 2]).square().dataSync()[1] !== 4) throw new Error('wrong result');`;
  await exec([process.execPath, '-e', script], { env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' }, timeoutMs: PROBE_TIMEOUT_MS });
}
