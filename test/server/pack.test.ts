// npx slipway pack on real runtimes: every kind of source becomes a package that loads, says what the files say, and is the same bytes every
// time; what cannot be packed is refused in words, and nothing is left behind. The examples of docs/formats.md run as they are printed.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { load } from 'js-yaml';
import { afterAll, describe, expect, it } from 'vitest';
import { ModelPackage } from '../../api/src/model-package.ts';
import { zip as zipArchive } from '../../router/src/fetch/test-archives.ts';
import { onnxModel } from '../../models/training/onnx.ts';
import { pack, type PackOptions } from '../../tools/pack/pack.ts';
import { doubling } from './support/saved-model.ts';
import { MODELS, ROOT, temporaryFolder } from './support/server.ts';

const folder = temporaryFolder();
afterAll(() => { folder[Symbol.dispose](); });
const at = (...parts: string[]): string => path.join(folder.path, ...parts);
const OPTIONS: PackOptions = { tar: false, force: false };
const ONNX = readFileSync(path.join(MODELS, 'classifier-onnx', 'v1', 'model.onnx'));

/** As TorchServe's archiver writes it. */
const zip = (files: Record<string, string | Uint8Array>): Buffer => zipArchive(Object.entries(files).map(([name, content]) => ({ name, content })));
const mar = (model: object, files: Record<string, string | Uint8Array>): Buffer => zip({ 'MAR-INF/MANIFEST.json': JSON.stringify({ archiverVersion: '0.12.0', model }), ...files });
const manifestAt = (place: string): ModelPackage => ModelPackage.parse(load(readFileSync(path.join(place, 'model.yaml'), 'utf8')));

describe('pack', () => {
  it('a SavedModel in TensorFlow Serving\'s layout', async () => {
    const packed = await pack(doubling(at('twice', '3'), 'int64'), { ...OPTIONS, out: at('out-saved') });
    expect(manifestAt(at('out-saved'))).toEqual({ apiVersion: 'modelpackage.slipway.dev/v1', name: 'twice', version: '3', format: 'saved-model', inputs: [{ name: 'x', dtype: 'int64', shape: [-1, 3] }], outputs: [{ name: 'y', dtype: 'int64', shape: [-1, 3] }] });
    expect(readdirSync(at('out-saved')).sort()).toEqual(['model.yaml', 'saved_model.pb']);
    expect(packed).toMatchObject({ files: 2, at: at('out-saved'), digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
  });

  it('a tfjs folder, with its weights', async () => {
    mkdirSync(at('pump'));
    for (const file of ['model.json', 'weights.bin']) cpSync(path.join(MODELS, 'classifier', 'v2', file), at('pump', file));
    await pack(at('pump', 'model.json'), { ...OPTIONS, version: 'v2', out: at('out-tfjs') });
    expect(manifestAt(at('out-tfjs'))).toMatchObject({ name: 'pump', version: 'v2', format: 'tfjs-graph', inputs: [{ name: 'readings', shape: [-1, 5] }] });
    expect(readdirSync(at('out-tfjs')).sort()).toEqual(['model.json', 'model.yaml', 'weights.bin']);
  });

  it('a MAR that holds ONNX: the model, its weights and nothing else', async () => {
    writeFileSync(at('pump.mar'), mar({ modelName: 'pump detector', modelVersion: '1.4', serializedFile: 'net.onnx', handler: 'handler.py' }, { 'net.onnx': ONNX, 'handler.py': 'print()' }));
    const { manifest } = await pack(at('pump.mar'), { ...OPTIONS, out: at('out-mar') });
    expect(manifest).toMatchObject({ name: 'pump-detector', version: '1.4', format: 'onnx', outputs: [{ name: 'probabilities', dtype: 'float32', shape: [-1, 3] }] });
    expect(readdirSync(at('out-mar')).sort()).toEqual(['model.onnx', 'model.yaml']);
  });

  it('a MAR whose version is a number, or no part of a path', async () => {
    writeFileSync(at('numbers.mar'), mar({ modelName: 7, modelVersion: 1.5, serializedFile: 'net.onnx' }, { 'net.onnx': ONNX }));
    expect((await pack(at('numbers.mar'), { ...OPTIONS, out: at('out-numbers') })).manifest).toMatchObject({ name: '7', version: '1.5' });
    writeFileSync(at('path.mar'), mar({ modelVersion: '../../1 beta', serializedFile: 'net.onnx' }, { 'net.onnx': ONNX }));
    expect((await pack(at('path.mar'), { ...OPTIONS, out: at('out-path') })).manifest).toMatchObject({ name: 'path', version: '1-beta' });
    await expect(pack(at('path.mar'), { ...OPTIONS, version: '../1' })).rejects.toThrow(/version \.\.\/1: use letters/);
  });

  it('an archive is the same bytes every time, unpacks with tar, and has the digest of its folder', async () => {
    writeFileSync(at('net.onnx'), ONNX);
    const [first, second, unpacked] = [await pack(at('net.onnx'), { ...OPTIONS, tar: true, out: at('a.tar.gz') }), await pack(at('net.onnx'), { ...OPTIONS, tar: true, out: at('b.tar.gz') }), await pack(at('net.onnx'), { ...OPTIONS, out: at('out-net') })];
    expect(readFileSync(first.at).equals(readFileSync(second.at))).toBe(true);
    expect(first.digest).toBe(unpacked.digest);
    expect(gunzipSync(readFileSync(first.at)).length).toBeGreaterThan(ONNX.length);
    mkdirSync(at('tar'));
    await promisify(execFile)('tar', ['-xzf', first.at, '-C', at('tar')]);
    expect(readFileSync(at('tar', 'model.yaml'), 'utf8')).toBe(readFileSync(at('out-net', 'model.yaml'), 'utf8'));
  });
});

/** A MAR with a model, of which something is changed; `entry` is where the directory tells of the model. */
function damaged(change: (archive: Buffer, entry: number) => unknown): Buffer {
  const archive = mar({ serializedFile: 'net.onnx' }, { 'net.onnx': ONNX });
  change(archive, archive.lastIndexOf('PK\x01\x02'));
  return archive;
}

describe('pack refuses, and leaves nothing behind', () => {
  const bad = (name: string, content: string | Uint8Array): string => {
    writeFileSync(at(name), content);
    return at(name);
  };

  it.each([
    ['a MAR with PyTorch code', () => bad('torch.mar', mar({ modelName: 'bert', serializedFile: 'model.pt', handler: 'text_handler.py' }, { 'model.pt': 'x', 'text_handler.py': 'x' })), /PyTorch code \(model\.pt, text_handler\.py\).*ONNX.*spec\.runtime/],
    ['a MAR without a manifest', () => bad('none.mar', zip({ 'model.onnx': ONNX })), /no MAR-INF/],
    ['a file that is no zip', () => bad('noise.mar', 'noise'.repeat(50)), /no zip archive/],
    ['a MAR that would leave its folder', () => bad('evil.mar', zip({ '../../evil': 'x' })), /leaves the archive/],
    ['a MAR whose manifest is null', () => bad('null.mar', zip({ 'MAR-INF/MANIFEST.json': 'null' })), /null\.mar: MAR-INF\/MANIFEST\.json does not name a model: \(root\)/],
    ['a MAR whose manifest has no model', () => bad('nomodel.mar', zip({ 'MAR-INF/MANIFEST.json': '{"model":null}' })), /does not name a model: model:/],
    ['a MAR with a damaged file', () => bad('damaged.mar', damaged((archive, entry) => archive.fill(0xff, archive.readUInt32LE(entry + 42) + 38, archive.readUInt32LE(entry + 42) + 58))), /damaged\.mar cannot be read: net\.onnx is damaged/],
    ['a MAR whose directory leads outside', () => bad('outside.mar', damaged((archive, entry) => archive.writeUInt32LE(0x7fffffff, entry + 42))), /outside\.mar cannot be read: net\.onnx is not where/],
    ['a MAR with more in a file than it says', () => bad('bomb.mar', damaged((archive, entry) => archive.writeUInt32LE(10, entry + 24))), /bomb\.mar cannot be read: net\.onnx is damaged: .*larger than 10 bytes/],
    ['a link that leads nowhere', () => { mkdirSync(at('dangling')); writeFileSync(at('dangling', 'model.onnx'), ONNX); symlinkSync('/nowhere', at('dangling', 'notes.txt')); return at('dangling'); }, /notes\.txt is a link that leads nowhere/],
    ['a sequence of maps, as scikit-learn gives it', () => bad('zipmap.onnx', onnxModel({ name: 'z', nodes: [{ op: 'SequenceConstruct', inputs: ['x'], outputs: ['y'] }], inputs: [{ name: 'x', dtype: 'float32', shape: [1] }], outputs: [{ name: 'y', dtype: 'float32', sequence: true }] })), /y is a sequence or a map, not a tensor; .*"zipmap": False/],
    ['a MAR that lacks its model', () => bad('empty.mar', mar({ serializedFile: 'net.onnx' }, {})), /net\.onnx, which is not in it/],
    ['noise called ONNX', () => bad('noise.onnx', 'noise'), /noise|Protobuf/],
    ['a folder without a model', () => MODELS, /no model.*there is one in classifier-onnx\/v1/],
    ['a package', () => path.join(MODELS, 'classifier', 'v1'), /is a model package already/],
    ['what is not there', () => at('nowhere'), /does not exist/],
    ['another kind of file', () => bad('weights.h5', 'x'), /none of: a SavedModel/],
  ])('%s', async (_what, source, words) => {
    await expect(pack(source(), { ...OPTIONS, out: at('never') })).rejects.toThrow(words);
    expect(readdirSync(folder.path).filter((name) => name === 'never' || name.startsWith('.slipway-pack'))).toEqual([]);
  });

  it('what is there already, unless told to replace it', async () => {
    const source = bad('again.onnx', ONNX);
    await pack(source, { ...OPTIONS, out: at('again') });
    await expect(pack(source, { ...OPTIONS, out: at('again') })).rejects.toThrow(/exists; give another --out, or --force/);
    await pack(source, { ...OPTIONS, out: at('again'), name: 'other', force: true });
    expect(manifestAt(at('again')).name).toBe('other');
  });
});

describe('npx slipway pack', () => {
  const run = (...args: string[]): Promise<{ stdout: string; stderr: string }> => promisify(execFile)(process.execPath, [path.join(ROOT, 'tools/pack/main.ts'), ...args], { cwd: folder.path });
  const page = readFileSync(path.join(ROOT, 'docs/formats.md'), 'utf8');

  it('the example of the page prints what the page shows', async () => {
    const [, args = '', shown = ''] = /^\$ npx slipway pack (.*)\n([\s\S]*?)\n```/m.exec(page) ?? [];
    expect(args).not.toBe('');
    mkdirSync(at('exported'), { recursive: true });
    writeFileSync(at('exported', 'pump.onnx'), ONNX);
    const { stdout } = await run(...args.split(' '));
    expect(stdout.replaceAll(folder.path, '/home/me')).toBe(`${shown}\n`);
  });

  it('sets up TensorFlow for what TensorFlow loads, as a fresh clone needs it, and only for that', async () => {
    cpSync(path.join(MODELS, 'classifier', 'v2'), at('fresh'), { recursive: true, filter: (file) => path.basename(file) !== 'model.yaml' });
    expect((await run(at('fresh'))).stderr).toMatch(/^tensorflow +\S/);
    writeFileSync(at('small.onnx'), ONNX);
    expect((await run(at('small.onnx'))).stderr).not.toMatch(/^tensorflow/m);
  });

  it('--help is in the page; an error is one line and exit code 1', async () => {
    expect(page).toContain((await run('--help')).stdout.trim());
    await expect(run('nowhere.onnx')).rejects.toMatchObject({ code: 1, stderr: 'pack: nowhere.onnx does not exist\n' });
    await expect(run('--nonsense')).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/^pack: Unknown option/) as string });
  });
});
