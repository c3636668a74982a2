// One image layer: its entries archived, compressed with zstd and named by their content, in the cache. The same entries are never
// archived twice. It must not know which layers there are.
import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readFile, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { cachedDirectory, sha256 } from '../cache.ts';
import type { Hashes } from './hashes.ts';
import { tarChunks, withFolders, type Entry } from './tar.ts';

/** A finished layer. Digests are `sha256:<hex>`; sizes are bytes. */
export interface Layer {
  readonly file: string;
  readonly digest: string;
  readonly diffId: string;
  readonly size: number;
  readonly unpacked: number;
  /** False if the cache had it. */
  readonly made: boolean;
}

// Bump when the bytes of a layer change for another reason than its entries.
const FORMAT = 'ustar+zstd6';
const COMPRESSION = { params: { [constants.ZSTD_c_compressionLevel]: 6 } };

/** Makes, or finds, the layer of these entries below `store.cache`. */
export async function makeLayer(store: { cache: string; hashes: Hashes }, entries: readonly Entry[]): Promise<Layer> {
  const all = withFolders(entries);
  const key = sha256([FORMAT, ...(await Promise.all(all.map((entry) => describe(entry, store.hashes))))].join('\n'));
  const directory = path.join(store.cache, 'layers', key.slice(0, 32));
  const { made } = await cachedDirectory(directory, (partial) => writeLayer(partial, all));
  const now = new Date();
  await utimes(directory, now, now);
  const record = JSON.parse(await readFile(path.join(directory, 'layer.json'), 'utf8')) as Omit<Layer, 'file' | 'made'>;
  return { ...record, file: path.join(directory, 'layer.tar.zst'), made };
}

/** Everything about an entry that ends up in the layer, in one line. */
async function describe(entry: Entry, hashes: Hashes): Promise<string> {
  const about = [entry.path, entry.mode.toString(8), entry.kind];
  if (entry.kind === 'file') about.push(await hashes.of(entry.file));
  if (entry.kind === 'bytes') about.push(sha256(entry.bytes));
  if (entry.kind === 'link') about.push(entry.to);
  return about.join('\0');
}

async function writeLayer(partial: string, entries: readonly Entry[]): Promise<void> {
  const [plain, packed] = [meter(), meter()];
  const file = path.join(partial, 'layer.tar.zst');
  await pipeline(Readable.from(tarChunks(entries)), plain.stream, createZstdCompress(COMPRESSION), packed.stream, createWriteStream(file));
  const record = { digest: packed.digest(), diffId: plain.digest(), size: packed.size(), unpacked: plain.size() };
  await writeFile(path.join(partial, 'layer.json'), JSON.stringify(record));
}

/** A stream that passes bytes on and knows their number and digest. */
function meter(): { stream: Transform; size: () => number; digest: () => string } {
  const hash: Hash = createHash('sha256');
  let size = 0;
  const stream = new Transform({
    transform(chunk: Uint8Array, _encoding, done): void {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  return { stream, size: () => size, digest: () => `sha256:${hash.digest('hex')}` };
}
