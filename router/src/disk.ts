// Owns the last good table and addresses on disk, so that a router that restarts during an outage of the API server still serves.
// Must not know what the texts mean.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Addresses } from './table/endpoints.ts';

export interface Snapshot {
  /** Text of the entry that each source serves. */
  sources: ReadonlyMap<string, string>;
  addresses: Addresses;
}

export interface Disk {
  /** The last snapshot, or undefined if there is none that can be read. */
  load(): Promise<Snapshot | undefined>;
  /** Writes `take()` soon; calls that come meanwhile are answered by one more write. */
  save(take: () => Snapshot): void;
  /** Resolves when nothing is left to be written. */
  settled(): Promise<void>;
}

const FORMAT = 1;

interface Stored {
  format: number;
  sources: Record<string, string>;
  addresses: Record<string, string[]>;
}

function isStored(value: unknown): value is Stored {
  const { format, sources, addresses } = (value ?? {}) as Partial<Stored>;
  const texts = (of: object | undefined, good: (v: unknown) => boolean): boolean => typeof of === 'object' && Object.values(of).every(good);
  return format === FORMAT && texts(sources, (v) => typeof v === 'string') && texts(addresses, (v) => Array.isArray(v));
}

async function read(file: string): Promise<Snapshot | undefined> {
  const value = JSON.parse(await readFile(file, 'utf8')) as unknown;
  if (!isStored(value)) throw new Error('not a snapshot of this format');
  return { sources: new Map(Object.entries(value.sources)), addresses: new Map(Object.entries(value.addresses)) };
}

async function write(file: string, { sources, addresses }: Snapshot): Promise<void> {
  const stored: Stored = { format: FORMAT, sources: Object.fromEntries(sources), addresses: Object.fromEntries([...addresses].map(([k, v]) => [k, [...v]])) };
  await mkdir(path.dirname(file), { recursive: true });
  // Renaming is what makes it whole or not at all, whatever kills the router meanwhile.
  await writeFile(`${file}.new`, JSON.stringify(stored));
  await rename(`${file}.new`, file);
}

/** The snapshot in `file`; problems are told and otherwise ignored, since serving does not depend on it. */
export function createDisk(file: string, onError: (error: unknown) => void): Disk {
  let wanted: (() => Snapshot) | undefined;
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    for (let take = wanted; take !== undefined; take = wanted) {
      wanted = undefined;
      await write(file, take()).catch(onError);
    }
    running = undefined;
  };
  return {
    async load() {
      try {
        return await read(file);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onError(error);
        return undefined;
      }
    },
    save(take) {
      wanted = take;
      running ??= run();
    },
    settled: async () => running,
  };
}
