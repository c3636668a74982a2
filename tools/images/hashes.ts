// Remembers checksums of big files that do not change from one build to the next, by path, size and time.
// It must not know what the files are.
import { readFile, stat, writeFile } from 'node:fs/promises';
import { sha256File } from '../cache.ts';

/** Checksums that outlive the process. */
export interface Hashes {
  /** sha256 of a file, hex; read only if it is not the file that was read before. */
  of: (file: string) => Promise<string>;
  save: () => Promise<void>;
}

/** Opens the memory kept in `store` (a JSON file that need not exist). */
export async function openHashes(store: string): Promise<Hashes> {
  const known = await readStore(store);
  const used: Record<string, string> = {};
  return {
    of: async (file) => {
      const { size, mtimeMs } = await stat(file);
      const key = `${file}|${size}|${mtimeMs}`;
      return (used[key] ??= known[key] ?? (await sha256File(file)));
    },
    save: () => writeFile(store, JSON.stringify(used)),
  };
}

/** A store that is not there, or was cut off by a crash, is an empty one. */
async function readStore(store: string): Promise<Record<string, string>> {
  try {
    return JSON.parse(await readFile(store, 'utf8')) as Record<string, string>;
  } catch {
    return {};
  }
}
