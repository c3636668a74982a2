// Packages that are wrong in one place: each is refused when it is loaded, with the reason, the file or field, and what would be right. Real
// runtimes; the server that refuses goes on serving.
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { onnxModel, type OnnxGraph } from '../../models/training/onnx.ts';
import { doubling } from './support/saved-model.ts';
import { ask, MODELS, serve, temporaryFolder, type Answer, type TestServer } from './support/server.ts';

const folder = temporaryFolder();
let server: TestServer;
let made = 0;
beforeAll(async () => { server = await serve({ MODEL_PATH: path.join(MODELS, 'classifier-onnx') }); });
afterAll(async () => {
  await server.close();
  folder[Symbol.dispose]();
});

const place = (): string => path.join(folder.path, `p${String(made++)}`, '1');
const edit = (file: string, change: (text: string) => string | Uint8Array): void => { writeFileSync(file, change(readFileSync(file, 'utf8'))); };

/** A sample package with its model.yaml changed. */
function sample(from: string, change: (yaml: string) => string = (yaml) => yaml): string {
  const at = place();
  cpSync(path.join(MODELS, from), at, { recursive: true });
  edit(path.join(at, 'model.yaml'), change);
  return at;
}
const pump = (more: string): string => sample('classifier/v2', (yaml) => `${yaml}\n${more}\n`);

/** A bare folder with an ONNX file: bytes, or a graph that gives back what it gets but for what is said. */
function onnx(content: Uint8Array | Partial<OnnxGraph>): string {
  const at = place();
  mkdirSync(at, { recursive: true });
  const row = { dtype: 'float32', shape: ['rows', 3] } as const;
  const graph: OnnxGraph = { name: 'g', nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }], inputs: [{ name: 'x', ...row }], outputs: [{ name: 'y', ...row }] };
  writeFileSync(path.join(at, 'model.onnx'), content instanceof Uint8Array ? content : onnxModel({ ...graph, ...content }));
  return at;
}

const SHIFT = { nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }] } as const;
const weightsIn = (file: string): Partial<OnnxGraph> => ({ ...SHIFT, weights: [{ name: 'w', dtype: 'float32', shape: [3], data: { file, length: 12 } }] });

/** A tfjs package with its model.json or its weights changed. */
function tfjs(file: string, change: (text: string) => string | Uint8Array): string {
  const at = sample('classifier/v2');
  edit(path.join(at, file), change);
  return at;
}

function savedModel(change: (bytes: Buffer) => Uint8Array): string {
  const at = doubling(place(), 'float32');
  const file = path.join(at, 'saved_model.pb');
  writeFileSync(file, change(readFileSync(file)));
  return at;
}

function linked(from: string, file: string, to: string): string {
  const at = sample(from);
  rmSync(path.join(at, file));
  symlinkSync(to, path.join(at, file));
  return at;
}

const load = (at: string): Promise<Answer> => ask(`${server.admin}/models`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: `m${String(made)}`, url: at, version: 'v1' }) });

it.each([
  ['a misspelt field', () => pump('licens: MIT\npreprocesing: []'), /PackageInvalid: \S+model\.yaml: \(root\): Unrecognized keys: "licens", "preprocesing"; did you mean preprocessing\?/],
  ['a step that there is not', () => pump('preprocessing: [{resize: {}}]'), /preprocessing\.0: expected one step: numeric: \{\.\.\.\} or text/],
  ['labels of another number', () => sample('classifier/v2', (yaml) => yaml.replace('[normal, worn, failing]', '[normal, worn]')), /WrongSignature: model\.yaml: outputs: 2 labels, and the output probabilities is \[-1,3\]/],
  ['labels of a step, of another number', () => pump(`postprocessing: [{labels: [${Array.from({ length: 50_000 }, (_, index) => `l${String(index)}`).join(', ')}]}]`), /WrongSignature: model\.yaml: postprocessing: 50000 labels, and the output probabilities/],
  ['a feature too few', () => sample('classifier/v2', (yaml) => yaml.replace(/ *- \{name: noise.*\n/, '')), /WrongSignature: model\.yaml: dataContract: 4 features, and the input readings is \[-1,5\]/],
  ['a baseline that is no number', () => pump('baseline: {noise: .nan}'), /PackageInvalid: .*baseline\.noise: .*expected number, received NaN/],
  ['a baseline of no feature', () => pump('baseline: {sound: 1}'), /PackageInvalid: model\.yaml: baseline: sound is no feature; those of dataContract are temperature, /],
  ['the uncertainty of no output', () => sample('classifier/v2', (yaml) => yaml.replace('uncertainty: entropy', 'uncertainty: output:variance')), /WrongSignature: model\.yaml: uncertainty: there is no output variance; the model has probabilities/],
  ['a vocabulary that is missing', () => sample('sentiment/v1', (yaml) => yaml.replace('vocabulary.txt', 'words.txt')), /PackageInvalid: \S+words\.txt: ENOENT/],
  ['a vocabulary of another digest', () => sample('sentiment/v1', (yaml) => yaml.replace(/sha256: [0-9a-f]{64}\}/, `sha256: '${'0'.repeat(64)}'}`)), /PackageInvalid: \S+vocabulary\.txt: .*sha256 is [0-9a-f]{64}, the package declares 0{64}/],
  ['a vocabulary outside', () => sample('sentiment/v1', (yaml) => yaml.replace('vocabulary.txt', '../../../etc/passwd')), /PackageInvalid: \S+passwd leaves the package/],
  ['a vocabulary that leads outside', () => linked('sentiment/v1', 'vocabulary.txt', '/etc/passwd'), /PackageInvalid: .*sha256 is/],
  ['a folder that is not there', () => place(), /ModelNotFound: \S+ does not exist/],
  ['two ONNX files', () => { const at = onnx({}); for (const name of ['a', 'b']) cpSync(path.join(at, 'model.onnx'), path.join(at, `${name}.onnx`)); rmSync(path.join(at, 'model.onnx')); return at; }, /ModelNotFound: .* of a\.onnx, b\.onnx call one model\.onnx, or name it in model\.yaml: path/],
  ['an empty ONNX file', () => onnx(new Uint8Array(0)), /ModelParseFailed: \S+model\.onnx: ModelProto does not have a graph/],
  ['an operator set that is too new', () => onnx({ opset: 99 }), /UnsupportedOp: .*till opset/],
  ['bfloat16', () => onnx({ inputs: [{ name: 'x', dtype: 'bfloat16', shape: ['rows', 3] }], outputs: [{ name: 'y', dtype: 'bfloat16', shape: ['rows', 3] }] }), /UnsupportedDType: .*\(bfloat16\); cast it to float32/],
  ['two outputs of one name', () => onnx({ outputs: [1, 2].map(() => ({ name: 'y', dtype: 'float32', shape: ['rows', 3] })) }), /WrongSignature: \S+model\.onnx has two outputs with the name y/],
  ['no input', () => onnx({ nodes: [{ op: 'Identity', inputs: ['w'], outputs: ['y'] }], weights: [{ name: 'w', dtype: 'float32', shape: [3], data: new Uint8Array(12) }], inputs: [], outputs: [{ name: 'y', dtype: 'float32', shape: [3] }] }), /WrongSignature: the model has no input/],
  ['no output', () => onnx({ outputs: [] }), /WrongSignature: the model has no output/],
  ['weights in a file that is missing', () => onnx(weightsIn('w.bin')), /ModelParseFailed: .*path does not exist: "\S+w\.bin"/],
  ['weights in a file outside', () => onnx(weightsIn('../w.bin')), /ModelParseFailed: .*escapes model directory/],
  ['a SavedModel that is cut', () => savedModel((bytes) => bytes.subarray(0, 60)), /ModelParseFailed: \S+saved_model\.pb is cut, damaged or no SavedModel/],
  ['a SavedModel that is empty', () => savedModel(() => new Uint8Array(0)), /ModelParseFailed: \S+saved_model\.pb holds no graph/],
  ['tfjs weights that are cut', () => tfjs('weights.bin', (text) => text.slice(0, 10)), /ModelParseFailed: \S+model\.json names weights of 2380 bytes, and its shards have \d+/],
  ['tfjs weights outside', () => tfjs('model.json', (text) => text.replace('weights.bin', '../../weights.bin')), /PackageInvalid: \.\.\/\.\.\/weights\.bin, which \S+model\.json names, leaves the folder/],
  ['a model.json that is null', () => tfjs('model.json', () => 'null'), /ModelParseFailed: \S+model\.json is no JSON object/],
  ['a model.json whose weights are no list', () => tfjs('model.json', (text) => JSON.stringify({ ...(JSON.parse(text) as object), weightsManifest: {} })), /ModelParseFailed: \S+model\.json: weightsManifest is no list/],
])('%s', async (_what, make, words) => {
  const answer = await load(make());
  expect(answer.status).toBe(400);
  expect((answer.body as { detail: string }).detail).toMatch(words);
});

it('weights in a file beside the model, halves and texts are served', async () => {
  const beside = onnx(weightsIn('w.bin'));
  writeFileSync(path.join(beside, 'w.bin'), new Uint8Array(12));
  const values = (dtype: 'float16' | 'string'): string => onnx({ inputs: [{ name: 'x', dtype, shape: ['rows', 'words'] }], outputs: [{ name: 'y', dtype, shape: ['rows', 'words'] }] });
  for (const at of [beside, values('float16'), values('string')]) expect((await load(at)).status).toBe(201);
});
