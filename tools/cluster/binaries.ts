// Builds the programs of programs.ts into the cache, once: whole, checksummed, one build at a time on the machine, with a
// sign of life while it lasts (go build says nothing). It must not know what the programs are for.
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { cachedDirectory, cacheRoot, isIntact } from '../cache.ts';
import { exec } from '../exec.ts';
import type { Report } from './cluster.ts';
import { withLock } from './lock.ts';
import { buildArguments, cacheName, PROGRAMS, type Program, type ProgramName } from './programs.ts';

/** Progress and cancellation of a build. */
export interface BuildOptions {
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
}

const HEARTBEAT_MS = 5_000;
const LONGEST_BUILD_MS = 60 * 60_000;
const modules = path.join(import.meta.dirname, 'go');

/**
 * Returns the path of each program, building what the cache lacks, in the given order. Throws an Error that names the Go
 * toolchain's complaint, or how to install Go.
 */
export async function ensurePrograms<N extends ProgramName>(names: readonly N[], options: BuildOptions): Promise<Record<N, string>> {
  const paths: Partial<Record<N, string>> = {};
  for (const name of names) paths[name] = await ensureProgram(name, options);
  return paths as Record<N, string>;
}

async function ensureProgram(name: ProgramName, options: BuildOptions): Promise<string> {
  const program: Program = PROGRAMS[name];
  const folder = path.join(cacheRoot(), 'bin', cacheName(name, program, await sourcesOf(program)));
  if (!(await isIntact(folder))) await buildLocked(name, folder, options);
  return path.join(folder, name);
}

async function sourcesOf(program: Program): Promise<Map<string, string>> {
  const folder = path.join(modules, program.module);
  const files = (await readdir(folder)).filter((file) => /^go\.(mod|sum)$|\.go$/.test(file));
  return new Map(await Promise.all(files.map(async (file) => [file, await readFile(path.join(folder, file), 'utf8')] as const)));
}

/** Two builds at once bring nothing on few cores, and two of the same program would be waste: whoever waits finds it built. */
async function buildLocked(name: ProgramName, folder: string, options: BuildOptions): Promise<void> {
  const waiting = (): void => options.report(`${name} ${PROGRAMS[name].version}: waiting for another process that is building`);
  await withLock(path.join(cacheRoot(), 'bin', 'build.lock'), { timeoutMs: LONGEST_BUILD_MS, waiting, signal: options.signal }, async () => {
    await cachedDirectory(folder, (partial) => build(name, path.join(partial, name), options));
  });
}

async function build(name: ProgramName, output: string, options: BuildOptions): Promise<void> {
  const program: Program = PROGRAMS[name];
  const started = Date.now();
  const tell = (): void => {
    const seconds = Math.round((Date.now() - started) / 1000);
    options.report(`building ${name} ${program.version} from source, ${seconds} s (the first time takes ${program.takes} on two cores)`);
  };
  tell();
  const heartbeat = setInterval(tell, HEARTBEAT_MS);
  try {
    await exec([goCommand(), ...buildArguments(program, output)], {
      cwd: path.join(modules, program.module),
      env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-mod=readonly' },
      timeoutMs: LONGEST_BUILD_MS,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  } finally {
    clearInterval(heartbeat);
  }
}

/** The Go command: the one on the PATH, else where its installer puts it. */
export function goCommand(): string {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/local/go/bin'];
  return folders.map((folder) => path.join(folder, 'go')).find((file) => existsSync(file)) ?? 'go';
}
