// Writes tar archives as a stream, the same bytes for the same entries: ustar, owner 0, time 0, given order.
// It must not know what is archived.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

/** One thing in an archive. Paths are relative, without a leading slash. */
export type Entry = { readonly path: string; readonly mode: number } & (
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'link'; readonly to: string }
  | { readonly kind: 'directory' }
);

const BLOCK = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
const TYPES = { file: '0', bytes: '0', link: '2', directory: '5' } as const;

/** The archive's bytes, in chunks; a file is read only when its turn comes. Throws if a path does not fit ustar (about 250 bytes). */
export async function* tarChunks(entries: Iterable<Entry>): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    const size = await sizeOf(entry);
    yield header(entry, size);
    if (entry.kind === 'bytes') yield entry.bytes;
    if (entry.kind === 'file') yield* exactly(entry.file, size);
    if (size % BLOCK !== 0) yield Buffer.alloc(BLOCK - (size % BLOCK));
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** The entries in path order, with the folders that they need and do not name themselves. */
export function withFolders(entries: readonly Entry[]): Entry[] {
  const all = new Map(entries.map((entry) => [entry.path, entry]));
  for (const { path } of entries) {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const folder = path.slice(0, slash);
      if (!all.has(folder)) all.set(folder, { path: folder, mode: 0o755, kind: 'directory' });
    }
  }
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function sizeOf(entry: Entry): Promise<number> {
  if (entry.kind === 'bytes') return entry.bytes.length;
  return entry.kind === 'file' ? (await stat(entry.file)).size : 0;
}

async function* exactly(file: string, size: number): AsyncGenerator<Uint8Array> {
  let read = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    read += chunk.length;
    yield chunk;
  }
  if (read !== size) throw new Error(`${file} changed while it was archived`);
}

function header(entry: Entry, size: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const { name, prefix } = splitPath(entry.kind === 'directory' ? `${entry.path}/` : entry.path);
  block.write(name, 0);
  writeOctal(block, entry.mode, 100, 8);
  writeOctal(block, 0, 108, 8); // uid
  writeOctal(block, 0, 116, 8); // gid
  writeOctal(block, size, 124, 12);
  writeOctal(block, 0, 136, 12); // time
  block.write('        ', 148); // the checksum counts as blanks while it is computed
  block.write(TYPES[entry.kind], 156);
  if (entry.kind === 'link') block.write(entry.to, 157, NAME_BYTES);
  block.write('ustar\u000000', 257);
  block.write(prefix, 345);
  block.write(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\u0000 `, 148);
  return block;
}

function writeOctal(block: Buffer, value: number, offset: number, length: number): void {
  block.write(`${value.toString(8).padStart(length - 1, '0')}\u0000`, offset);
}

function splitPath(path: string): { name: string; prefix: string } {
  if (Buffer.byteLength(path) <= NAME_BYTES) return { name: path, prefix: '' };
  for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)];
    if (Buffer.byteLength(name) <= NAME_BYTES && Buffer.byteLength(prefix) <= PREFIX_BYTES) return { name, prefix };
  }
  throw new Error(`path is too long for an image: ${path}`);
}
