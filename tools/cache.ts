// The cache of the commands: where it lies, how an entry appears in it (whole or not at all), and how files in it are checked.
// It must not know what is cached.
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, realpathSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

/**
 * Root of everything that outlives a command: SLIPWAY_CACHE, else XDG_CACHE_HOME/slipway, else ~/.cache/slipway. Without symbolic
 * links, because running programs are known by their real path.
 */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  return realPath(path.resolve(env['SLIPWAY_CACHE'] || path.join(env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache'), 'slipway')));
}

/** The path without symbolic links, as far as it exists. */
function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    const parent = path.dirname(file);
    return parent === file ? file : path.join(realPath(parent), path.basename(file));
  }
}

/** sha256 of a file, hex, read as a stream. */
export async function sha256File(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/** sha256 of a text or bytes, hex. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** True if the path exists, whatever it is. */
export async function exists(file: string): Promise<boolean> {
  return stat(file).then(() => true, () => false);
}

interface Sealed { sha256: string; size: number; mtimeMs: number }
const SEAL = 'manifest.json';

/**
 * Returns `directory`, made by `make` first unless it is there and intact. `make` fills a private folder that is sealed (checksums of
 * all its files but `unsealed`) and then renamed, so a crash or a second command never leaves or sees half an entry.
 */
export async function cachedDirectory(directory: string, make: (partial: string) => Promise<void>, unsealed: readonly string[] = []): Promise<{ made: boolean }> {
  if (await isIntact(directory)) return { made: false };
  await removeAbandoned(path.dirname(directory));
  // A name of its own also among calls of this process: two clusters that come up side by side make the same entries.
  const partial = `${directory}.${randomUUID()}.partial-${process.pid}`;
  try {
    await mkdir(partial, { recursive: true });
    await make(partial);
    await seal(partial, unsealed);
    await putInPlace(partial, directory);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return { made: true };
}

/** Whoever comes first wins: an intact entry may be in use already. */
async function putInPlace(partial: string, directory: string): Promise<void> {
  if (await isIntact(directory)) return;
  await rm(directory, { recursive: true, force: true });
  await rename(partial, directory).catch(async (error: unknown) => {
    if (!(await isIntact(directory))) throw error;
  });
}

/** True if the entry is sealed and its files are the sealed ones. An untouched file is known by size and time, a touched one is read. */
export async function isIntact(directory: string): Promise<boolean> {
  const text = await readFile(path.join(directory, SEAL), 'utf8').catch(() => undefined);
  if (text === undefined) return false;
  const files = Object.entries(JSON.parse(text) as Record<string, Sealed>);
  const checks = await Promise.all(files.map(([name, sealed]) => sameFile(path.join(directory, name), sealed)));
  return checks.every(Boolean);
}

async function sameFile(file: string, sealed: Sealed): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined || found.size !== sealed.size) return false;
  return found.mtimeMs === sealed.mtimeMs || (await sha256File(file)) === sealed.sha256;
}

async function seal(directory: string, unsealed: readonly string[]): Promise<void> {
  const files: Record<string, Sealed> = {};
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    if (unsealed.includes(path.relative(directory, file))) continue;
    const { size, mtimeMs } = await stat(file);
    files[path.relative(directory, file)] = { sha256: await sha256File(file), size, mtimeMs };
  }
  await writeFile(path.join(directory, SEAL), JSON.stringify(files, null, 1));
}

/** Removes what commands that died left behind in `folder`. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const owner = /\.partial-(\d+)$/.exec(name)?.[1];
    if (owner !== undefined && !isAlive(Number(owner))) await rm(path.join(folder, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
