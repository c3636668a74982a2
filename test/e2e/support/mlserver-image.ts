// Owns an image of MLServer from PyPI, made without Docker and kept in the cache: this machine's Python, the environment of hashed wheels,
// everything compiled beforehand, since a read-only root file system keeps no bytecode. Must not know what it will serve.
import { cp, mkdir, readdir, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { cachedDirectory, cacheRoot, sha256, sha256File } from '../../../tools/cache.ts';
import { ensureEnvironment } from '../../../tools/clients/environments.ts';
import type { Image } from '../../../tools/cluster/cluster.ts';
import { exec } from '../../../tools/exec.ts';
import { sharedLibraries } from '../../../tools/images/base.ts';
import { openHashes } from '../../../tools/images/hashes.ts';
import { makeLayer } from '../../../tools/images/layer.ts';
import { imageDocuments, writeArchive } from '../../../tools/images/oci.ts';
import type { ContainerConfig } from '../../../tools/images/oci.ts';
import { USER } from '../../../tools/images/spec.ts';
import type { Entry } from '../../../tools/images/tar.ts';

const START = path.resolve(import.meta.dirname, '../fixtures/mlserver-image/start.py');
const HOME = 'opt/python';
const CONTAINER: ContainerConfig = {
  User: USER,
  Entrypoint: [`/${HOME}/bin/python3`, '/app/start.py'],
  Env: ['PATH=/usr/bin:/bin', `PYTHONHOME=/${HOME}`, `LD_LIBRARY_PATH=/${HOME}/lib`, 'HOME=/tmp', 'PYTHONUNBUFFERED=1'],
  WorkingDir: '/app',
};
/** What a server has no use for: tests, tools, tkinter; ONNX Runtime and setuptools of the shared environment. */
const LEFT_OUT = new Set(['__pycache__', 'test', 'tests', 'idlelib', 'tkinter', 'turtledemo', 'ensurepip', 'lib2to3', 'site-packages', 'dist-packages', 'onnxruntime', 'setuptools', 'manifest.json']);
const COMPILE_TIMEOUT_MS = 5 * 60_000;

interface Python {
  executable: string;
  stdlib: string;
  /** Such as python3.11. */
  name: string;
}

async function findPython(): Promise<Python> {
  const script = 'import json, os, sys, sysconfig; print(json.dumps({"executable": os.path.realpath(sys.executable), "stdlib": sysconfig.get_path("stdlib"), "name": "python%d.%d" % sys.version_info[:2]}))';
  return JSON.parse(await exec(['python3', '-c', script])) as Python;
}

/** The image under this name; made once for this Python and these wheels. */
export async function mlserverImage(ref: string, note: (text: string) => void): Promise<Image> {
  const environment = await ensureEnvironment('mlserver', { note });
  const python = await findPython();
  const key = sha256([ref, path.basename(environment.directory), python.stdlib, ...(await Promise.all([python.executable, START, import.meta.filename].map(sha256File)))].join(' '));
  const folder = path.join(cacheRoot(), 'images', `mlserver-${key.slice(0, 12)}`);
  await cachedDirectory(folder, async (partial) => {
    note('making the MLServer image');
    const tree = path.join(partial, 'tree');
    await fill(tree, python, environment.directory);
    const store = { cache: partial, hashes: await openHashes(path.join(partial, 'hashes.json')) };
    const layers = [await makeLayer(store, [...(await libraries(tree, python)), ...(await files(tree, HOME))]), await makeLayer(store, [{ path: 'app/start.py', mode: 0o644, kind: 'file', file: START }, TMP])];
    await writeArchive(path.join(partial, 'mlserver.tar'), { documents: imageDocuments(CONTAINER, layers), layers, ref });
    await Promise.all([tree, path.join(partial, 'layers')].map((each) => rm(each, { recursive: true })));
  });
  return { ref, archive: path.join(folder, 'mlserver.tar') };
}

const TMP: Entry = { path: 'tmp', mode: 0o1777, kind: 'directory' };

/** Lays interpreter, standard library and wheels out as in the image, with bytecode that is good whatever the files' times. */
async function fill(tree: string, { executable, stdlib, name }: Python, wheels: string): Promise<void> {
  const lib = path.join(tree, 'lib', name);
  await mkdir(path.join(tree, 'bin'), { recursive: true });
  await cp(executable, path.join(tree, 'bin/python3'));
  const wanted = (source: string): boolean => !LEFT_OUT.has(path.basename(source)) && !path.basename(source).startsWith('config-');
  await copyInto(lib, stdlib, wanted);
  await copyInto(path.join(lib, 'site-packages'), wheels, wanted);
  // A file with a syntax of another Python is no reason to stop: it is not imported either.
  await exec([executable, '-m', 'compileall', '-q', '-j', '2', '--invalidation-mode', 'unchecked-hash', lib], { timeoutMs: COMPILE_TIMEOUT_MS }).catch(() => undefined);
}

async function copyInto(target: string, source: string, wanted: (file: string) => boolean): Promise<void> {
  await mkdir(target, { recursive: true });
  for (const name of (await readdir(source)).filter(wanted)) await cp(path.join(source, name), path.join(target, name), { recursive: true, dereference: true, filter: wanted });
}

async function files(folder: string, at: string): Promise<Entry[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.filter((each) => each.isFile()).map((each): Entry => {
    const file = path.join(each.parentPath, each.name);
    return { path: `${at}/${path.relative(folder, file)}`, mode: each.parentPath.endsWith('/bin') ? 0o755 : 0o644, kind: 'file', file };
  });
}

/** C libraries of this machine that the interpreter and the extension modules need; those from unusual places go to where LD_LIBRARY_PATH looks. */
async function libraries(tree: string, { executable }: Python): Promise<Entry[]> {
  const modules = (await readdir(tree, { recursive: true })).filter((name) => name.endsWith('.so')).map((name) => path.join(tree, name));
  const needed = (await Promise.all([executable, ...modules].map(sharedLibraries))).flat().filter((library) => !library.startsWith(tree));
  return await Promise.all([...new Set(needed)].sort().map(async (library): Promise<Entry> => {
    const usual = /^\/(usr\/)?lib(64)?\//.test(library);
    return { path: usual ? library.slice(1) : `${HOME}/lib/${path.basename(library)}`, mode: 0o755, kind: 'file', file: await realpath(library) };
  }));
}
