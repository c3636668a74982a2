// Images are reproducible, their archives are ones that other programs read, and bundles find their workers.
import { execFileSync } from 'node:child_process';
import { mkdtemp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseLdd } from './base.ts';
import { cachedBundle } from './bundle-cache.ts';
import { bundle, bundledUrls } from './bundle.ts';
import { openHashes } from './hashes.ts';
import { makeLayer, type Layer } from './layer.ts';
import { sampleModelEntries } from './models.ts';
import { containerConfig, imageDocuments, writeArchive } from './oci.ts';
import { IMAGES, USER } from './spec.ts';
import type { Entry } from './tar.ts';

let folder: string;
beforeEach(async () => { folder = await mkdtemp(path.join(tmpdir(), 'slipway-images-')); });
afterEach(async () => { await rm(folder, { recursive: true, force: true }); });

async function layerIn(cache: string, entries: readonly Entry[]): Promise<Layer> {
  await mkdir(path.join(folder, cache), { recursive: true });
  return makeLayer({ cache: path.join(folder, cache), hashes: await openHashes(path.join(folder, `${cache}.json`)) }, entries);
}

async function entries(): Promise<Entry[]> {
  const file = path.join(folder, 'big');
  await writeFile(file, 'x'.repeat(3000));
  return [
    { path: 'usr/bin/big', mode: 0o755, kind: 'file', file },
    { path: 'etc/text', mode: 0o644, kind: 'bytes', bytes: Buffer.from('text\n') },
    { path: 'etc/link', mode: 0o777, kind: 'link', to: 'text' },
    { path: 'tmp', mode: 0o1777, kind: 'directory' },
    { path: `${'long/'.repeat(30)}name`, mode: 0o644, kind: 'bytes', bytes: Buffer.from('deep') },
  ];
}

const tar = (...args: string[]): string => execFileSync('tar', args, { encoding: 'utf8' });

describe('layers', () => {
  it('are the same bytes for the same entries, in any order, in any cache', async () => {
    const first = await layerIn('a', await entries());
    const second = await layerIn('b', (await entries()).toReversed());
    expect(second.digest).toBe(first.digest);
    expect(second.diffId).toBe(first.diffId);
  });

  it('come from the cache the second time, and are made again when an entry changes', async () => {
    expect((await layerIn('a', await entries())).made).toBe(true);
    expect((await layerIn('a', await entries())).made).toBe(false);
    const changed = await layerIn('a', [...(await entries()), { path: 'new', mode: 0o644, kind: 'directory' }]);
    expect(changed.made).toBe(true);
  });

  it('unpack with tar: files, links, folders, modes and long names', async () => {
    const layer = await layerIn('a', await entries());
    const plain = path.join(folder, 'layer.tar');
    const { zstdDecompressSync } = await import('node:zlib');
    const { readFile } = await import('node:fs/promises');
    await writeFile(plain, zstdDecompressSync(await readFile(layer.file)));
    const listing = tar('-tvf', plain);
    expect(listing).toMatch(/^-rwxr-xr-x 0\/0 +3000 1970-01-01 .* usr\/bin\/big$/m);
    expect(listing).toMatch(/^lrwxrwxrwx .* etc\/link -> text$/m);
    expect(listing).toMatch(/^drwxrwxrwt .* tmp\/$/m);
    expect(tar('-xOf', plain, `${'long/'.repeat(30)}name`)).toBe('deep');
    expect(tar('-xOf', plain, 'usr/bin/big')).toHaveLength(3000);
  });
});

describe('archives', () => {
  it.each(IMAGES)('of $name name the image, its user and its entrypoint', async (spec) => {
    const layers = [await layerIn('a', await entries())];
    const documents = imageDocuments(containerConfig(spec), layers);
    const archive = path.join(folder, 'image.tar');
    await writeArchive(archive, { documents, layers, ref: `registry.test/${spec.name}:v1` });
    const index = JSON.parse(tar('-xOf', archive, 'index.json'));
    expect(index.manifests[0].annotations['io.containerd.image.name']).toBe(`registry.test/${spec.name}:v1`);
    const blob = (digest: string): string => `blobs/sha256/${digest.slice(7)}`;
    const manifest = JSON.parse(tar('-xOf', archive, blob(index.manifests[0].digest)));
    const config = JSON.parse(tar('-xOf', archive, blob(manifest.config.digest)));
    expect(config.config).toMatchObject({ User: USER, Entrypoint: spec.entrypoint });
    expect(config.rootfs.diff_ids).toEqual([layers[0]?.diffId]);
    expect(tar('-tf', archive)).toContain(blob(manifest.layers[0].digest));
  });
});

describe('bundle', () => {
  const write = async (files: Record<string, string>): Promise<void> => {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
      await writeFile(path.join(folder, name), text);
    }
  };
  const WORKER = (file: string): string => `new Worker(new URL('${file}', import.meta.url), { stdout: false });`;

  it('bundles the workers that a program starts, and theirs', async () => {
    await write({
      'src/main.ts': `import { Worker } from 'node:worker_threads'; const w = ${WORKER('./deep/first.ts')} w.on('message', console.log);`,
      'src/deep/first.ts': `import { Worker, parentPort } from 'node:worker_threads'; const w = ${WORKER('../second.ts')} w.on('message', (m) => parentPort!.postMessage(m));`,
      'src/second.ts': "import { parentPort } from 'node:worker_threads'; const text: string = 'from the second'; parentPort!.postMessage(text);",
    });
    const { files } = await bundle(folder, { program: 'src/main.ts' });
    expect(files.map((file) => file.name)).toEqual(expect.arrayContaining(['program.mjs', 'first.mjs', 'second.mjs']));
    for (const file of files) await writeFile(path.join(folder, file.name), file.bytes);
    expect(execFileSync(process.execPath, [path.join(folder, 'program.mjs')], { encoding: 'utf8' })).toBe('from the second\n');
  });

  it('refuses two workers of one name', async () => {
    await write({
      'src/main.ts': `import { Worker } from 'node:worker_threads'; ${WORKER('./a/worker.ts')} ${WORKER('./b/worker.ts')}`,
      'src/a/worker.ts': '',
      'src/b/worker.ts': '',
    });
    await expect(bundle(folder, { program: 'src/main.ts' })).rejects.toThrow('would both become worker.mjs');
  });

  it('gives CommonJS dependencies what they expect', async () => {
    await write({
      'src/main.ts': "import fs from './old.cjs'; console.log(fs);",
      'src/old.cjs': "const path = require('node:path'); module.exports = [typeof __dirname, typeof __filename, typeof require(path.basename('os'))].join();",
    });
    for (const file of (await bundle(folder, { program: 'src/main.ts' })).files) await writeFile(path.join(folder, file.name), file.bytes);
    expect(execFileSync(process.execPath, [path.join(folder, 'program.mjs')], { encoding: 'utf8' })).toBe('string,string,object\n');
  });

  it('is taken from the cache until a source changes', async () => {
    await write({ 'src/main.ts': "import { x } from './x.ts'; console.log(x);", 'src/x.ts': 'export const x = 1;', 'package-lock.json': '{}', 'tools/images/bundle.ts': '', 'tools/images/spec.ts': '' });
    const made = async (): Promise<string> => {
      const store = { cache: folder, hashes: await openHashes(path.join(folder, 'hashes.json')) };
      return Buffer.from((await cachedBundle(store, folder, { program: 'src/main.ts' }))[0]?.bytes ?? []).toString();
    };
    const first = await made();
    const record = path.join(folder, 'bundles', (await readdir(path.join(folder, 'bundles')))[0] ?? '', 'files', 'program.mjs');
    await writeFile(record, `${first}// kept`);
    expect(await made()).toBe(`${first}// kept`);
    await write({ 'src/x.ts': 'export const x = 22;' });
    expect(await made()).toContain('22');
  });

  it('leaves other addresses alone', () => {
    const source = "new URL('./page.html', import.meta.url); new URL(path, 'http://x')";
    expect(bundledUrls(source)).toEqual({ contents: source, sources: [] });
  });
});

describe('sampleModelEntries', () => {
  it('takes package folders and nothing around them', async () => {
    for (const file of ['a/v1/model.yaml', 'a/v1/samples/one.json', 'a/isvc.yaml', 'a/notes/text', 'training/train.ts']) {
      await mkdir(path.join(folder, path.dirname(file)), { recursive: true });
      await writeFile(path.join(folder, file), '');
    }
    expect((await sampleModelEntries(folder)).map((entry) => entry.path).sort()).toEqual(['models/a/v1/model.yaml', 'models/a/v1/samples/one.json']);
  });
});

describe('parseLdd', () => {
  it('finds the libraries and the loader, not the kernel page', () => {
    const output = '\tlinux-vdso.so.1 (0x1)\n\tlibm.so.6 => /lib/x/libm.so.6 (0x2)\n\t/lib64/ld-linux-x86-64.so.2 (0x3)\n';
    expect(parseLdd(output)).toEqual(['/lib/x/libm.so.6', '/lib64/ld-linux-x86-64.so.2']);
  });
});
