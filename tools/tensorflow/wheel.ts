// libtensorflow from the pinned TensorFlow wheel, through whatever package index pip is configured for, checked against the pinned hash.
// It must not know how the library is used: it makes one folder with lib/, include/ and licenses/.
import { readdir, readFile, rm, stat, symlink } from 'node:fs/promises';
import path from 'node:path';
import { cachedDirectory, isIntact } from '../cache.ts';
import { exec } from '../exec.ts';

/** The wheel that is pinned for one machine. */
export interface Wheel { distribution: string; version: string; sha256: string }

/** What a step needs from its surroundings. */
export interface StepContext {
  /** Folder of the cache that holds native libraries. */
  cache: string;
  /** Says what is going on, in a few words; called often. */
  note: (text: string) => void;
  signal?: AbortSignal | undefined;
}

const MACHINES: Partial<Record<NodeJS.Architecture, string>> = { x64: 'x86_64', arm64: 'aarch64' };
const REQUIREMENTS = path.join(import.meta.dirname, 'libtensorflow.txt');
const PYTHON = '3.11';
const DOWNLOAD_TIMEOUT_MS = 20 * 60_000;

/** The wheel that libtensorflow.txt pins for an architecture as Node names it. Throws where none is. */
export function pinnedWheel(requirements: string, arch: NodeJS.Architecture): Wheel {
  const machine = MACHINES[arch];
  const line = requirements.split('\n').find((each) => machine !== undefined && each.includes(`platform_machine == "${machine}"`));
  const [, distribution, version, sha256] = /^([\w-]+)==([\d.]+).*--hash=sha256:([0-9a-f]{64})$/.exec(line?.trim() ?? '') ?? [];
  if (distribution === undefined || version === undefined || sha256 === undefined) {
    throw new Error(`no TensorFlow wheel is pinned for ${arch}; x64 and arm64 are supported`);
  }
  return { distribution, version, sha256 };
}

/** Folder of the cache that holds, or will hold, this machine's library, and whether it does. */
export async function wheelEntry(cache: string): Promise<{ wheel: Wheel; directory: string; ready: boolean }> {
  const wheel = pinnedWheel(await readFile(REQUIREMENTS, 'utf8'), process.arch);
  const directory = path.join(cache, `${wheel.distribution}-${wheel.version}-${wheel.sha256.slice(0, 12)}`);
  return { wheel, directory, ready: await isIntact(directory) };
}

/** Downloads (about 210 MB), checks, unpacks and strips the library unless the cache has it. Returns its folder. */
export async function libraryFromWheel(context: StepContext): Promise<{ wheel: Wheel; directory: string }> {
  const { wheel, directory } = await wheelEntry(context.cache);
  await cachedDirectory(directory, (partial) => makeLibrary(partial, context));
  return { wheel, directory };
}

async function makeLibrary(partial: string, context: StepContext): Promise<void> {
  const { signal, note } = context;
  await requirePip();
  const downloads = path.join(partial, 'download');
  await downloadWheel(downloads, context);
  const name = (await readdir(downloads)).find((each) => each.endsWith('.whl'));
  if (name === undefined) throw new Error('pip downloaded no wheel');
  note('unpacking');
  await exec(['python3', path.join(import.meta.dirname, 'unpack.py'), path.join(downloads, name), partial], { signal });
  await rm(downloads, { recursive: true });
  note('stripping');
  await finishLibraries(path.join(partial, 'lib'), signal);
}

/** Takes the symbols that nobody links against out (a quarter of the size), and adds the names that the linker looks for. */
async function finishLibraries(folder: string, signal: AbortSignal | undefined): Promise<void> {
  for (const name of ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2']) {
    await exec(['strip', '--strip-unneeded', path.join(folder, name)], { signal });
  }
  await symlink('libtensorflow_cc.so.2', path.join(folder, 'libtensorflow.so'));
  await symlink('libtensorflow_framework.so.2', path.join(folder, 'libtensorflow_framework.so'));
}

async function requirePip(): Promise<void> {
  await exec(['python3', '-m', 'pip', '--version']).catch(() => {
    throw new Error('libtensorflow is downloaded with pip, which is not here; install it with: apt-get install -y python3 python3-pip');
  });
}

/** Downloads the pinned wheel into `folder`, by hash. */
export async function downloadWheel(folder: string, { note, signal }: StepContext): Promise<void> {
  const machine = MACHINES[process.arch] ?? process.arch;
  const scratch = `${folder}.tmp`;
  await exec(['mkdir', '-p', folder, scratch]);
  const watch = setInterval(() => void folderMegabytes(scratch).then((size) => note(`downloading with pip, ${size} MB`)), 1000);
  note('downloading with pip');
  try {
    await exec([
      'python3', '-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:', '--require-hashes',
      '--python-version', PYTHON, '--implementation', 'cp', '--platform', `manylinux_2_17_${machine}`, '--platform', `manylinux2014_${machine}`,
      '-r', REQUIREMENTS, '-d', folder,
    ], { env: { ...process.env, TMPDIR: scratch }, timeoutMs: DOWNLOAD_TIMEOUT_MS, signal });
  } finally {
    clearInterval(watch);
    await rm(scratch, { recursive: true, force: true });
  }
}

async function folderMegabytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(entries.filter((each) => each.isFile()).map((each) => stat(path.join(each.parentPath, each.name)).then((found) => found.size, () => 0)));
  return Math.round(sizes.reduce((sum, size) => sum + size, 0) / 1e6);
}
