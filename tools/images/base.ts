// The layer under everything: the pinned Node and the C libraries it needs, certificates, the unprivileged user. No shell, no package
// manager. It must not know what runs on it.
import { copyFile, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { cachedDirectory, exists } from '../cache.ts';
import { exec } from '../exec.ts';
import type { Hashes } from './hashes.ts';
import { USER } from './spec.ts';
import type { Entry } from './tar.ts';

const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
/** Loaded by name at run time by older C libraries, so that no `ldd` shows them; newer ones have them built in. */
const NAME_SERVICE = ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2'];

/** Entries of the base layer for this machine. `cache` keeps the stripped Node. */
export async function baseEntries(cache: string, hashes: Hashes): Promise<Entry[]> {
  const node = await strippedNode(cache, await hashes.of(process.execPath));
  const libraries = await sharedLibraries(process.execPath);
  return [
    { path: 'usr/local/bin/node', mode: 0o755, kind: 'file', file: node },
    ...(await libraryEntries([...libraries, ...(await nameService(libraries))])),
    ...(await certificates()),
    ...identity(),
    { path: 'tmp', mode: 0o1777, kind: 'directory' },
  ];
}

/** Entries for shared libraries, each at the path where the loader looked for it. */
export async function libraryEntries(libraries: readonly string[]): Promise<Entry[]> {
  return Promise.all(libraries.map(async (library) => (
    { path: library.slice(1), mode: 0o755, kind: 'file', file: await realpath(library) } as const
  )));
}

/** The shared libraries that a program or library needs, all the way down, as absolute paths of this machine. */
export async function sharedLibraries(file: string): Promise<string[]> {
  const output = await exec(['ldd', file]);
  const missing = /^\s*(\S+) => not found/m.exec(output)?.[1];
  if (missing !== undefined) throw new Error(`${file} needs ${missing}, which this machine does not have`);
  return parseLdd(output);
}

/** Absolute paths in the output of ldd. */
export function parseLdd(output: string): string[] {
  const paths = [...output.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].map((match) => match[1] ?? '');
  return [...new Set(paths)].sort();
}

/** Node without its symbol table (15 MB less), or as it is where there is no `strip`. */
async function strippedNode(cache: string, hash: string): Promise<string> {
  const directory = path.join(cache, 'node', `${process.version}-${process.arch}-${hash.slice(0, 16)}`);
  await cachedDirectory(directory, async (partial) => {
    const copy = path.join(partial, 'node');
    await copyFile(process.execPath, copy);
    await exec(['strip', '--strip-unneeded', copy]).catch(() => copyFile(process.execPath, copy));
  });
  return path.join(directory, 'node');
}

async function nameService(libraries: readonly string[]): Promise<string[]> {
  const folder = path.dirname(libraries.find((each) => path.basename(each).startsWith('libc.so')) ?? '/lib/none');
  const candidates = NAME_SERVICE.map((name) => path.join(folder, name));
  const found = await Promise.all(candidates.map(exists));
  return candidates.filter((_, index) => found[index]);
}

async function certificates(): Promise<Entry[]> {
  const bytes = await readFile(CERTIFICATES).catch(() => undefined);
  return bytes === undefined ? [] : [{ path: CERTIFICATES.slice(1), mode: 0o644, kind: 'bytes', bytes }];
}

function identity(): Entry[] {
  const [user, group] = USER.split(':');
  const files = {
    'etc/passwd': `root:x:0:0:root:/:/sbin/nologin\nslipway:x:${user}:${group}:slipway:/tmp:/sbin/nologin\n`,
    'etc/group': `root:x:0:\nslipway:x:${group}:\n`,
    'etc/nsswitch.conf': 'hosts: files dns\n',
  };
  return Object.entries(files).map(([name, text]) => ({ path: name, mode: 0o644, kind: 'bytes', bytes: Buffer.from(text) }));
}
