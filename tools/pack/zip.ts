// Reads the files of a zip archive (stored or deflated, below 4 GiB), as TorchServe's archiver writes them. It must not know what is in them.
import { inflateRawSync } from 'node:zlib';

const END = 0x06054b50;
const END_BYTES = 22;
const ENTRY = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
const STORED = 0;
const DEFLATED = 8;

/** Path inside the archive -> its bytes. Throws if it is no zip, is cut off, or a path would leave the folder it is unpacked to. */
export function readZip(archive: Buffer): Map<string, () => Buffer> {
  const end = findEnd(archive);
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  const files = new Map<string, () => Buffer>();
  for (let index = 0; index < count; index++) {
    if (at + ENTRY_BYTES > archive.length || archive.readUInt32LE(at) !== ENTRY) throw new Error('its directory is damaged');
    const entry = at;
    const nameLength = archive.readUInt16LE(entry + 28);
    const name = archive.toString('utf8', entry + ENTRY_BYTES, entry + ENTRY_BYTES + nameLength);
    at += ENTRY_BYTES + nameLength + archive.readUInt16LE(entry + 30) + archive.readUInt16LE(entry + 32);
    if (name.endsWith('/')) continue;
    if (/(^|[/\\])\.\.([/\\]|$)|^[/\\]/.test(name)) throw new Error(`${name} leaves the archive`);
    files.set(name, () => contents(archive, entry, name));
  }
  return files;
}

function findEnd(archive: Buffer): number {
  for (let at = archive.length - END_BYTES; at >= Math.max(0, archive.length - 65_557); at--) if (archive.readUInt32LE(at) === END) return at;
  throw new Error('it is no zip archive');
}

/** @throws Error that names the file if it is damaged, or longer than the directory says. */
function contents(archive: Buffer, entry: number, name: string): Buffer {
  const method = archive.readUInt16LE(entry + 10);
  const [packed, size, local] = [archive.readUInt32LE(entry + 20), archive.readUInt32LE(entry + 24), archive.readUInt32LE(entry + 42)];
  if (local + LOCAL_BYTES > archive.length) throw new Error(`${name} is not where its directory says`);
  const start = local + LOCAL_BYTES + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
  const body = archive.subarray(start, start + packed);
  if (method !== STORED && method !== DEFLATED) throw new Error(`${name} is compressed in a way (${String(method)}) that is not read here`);
  const bytes = method === STORED ? body : inflated(body, size, name);
  if (bytes.length !== size) throw new Error(`${name} has ${String(bytes.length)} bytes, its directory says ${String(size)}`);
  return bytes;
}

function inflated(body: Buffer, size: number, name: string): Buffer {
  try {
    return inflateRawSync(body, { maxOutputLength: Math.max(1, size) });
  } catch (error) {
    throw new Error(`${name} is damaged: ${(error as Error).message}`, { cause: error });
  }
}
