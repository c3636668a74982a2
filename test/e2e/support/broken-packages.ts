// Owns model packages that are wrong in one way each, made from the sample classifier. Must not know where they are stored.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export type Files = Record<string, string | Uint8Array>;

const folder = new URL('../../../models/classifier/v1/', import.meta.url);
/** Folder of the sample classifier. */
export const GOOD_FOLDER = fileURLToPath(folder);
const NAMES = ['model.yaml', 'model.json', 'weights.bin', 'samples/one.request.json', 'samples/one.response.json', 'samples/many.request.json', 'samples/many.response.json'];

/** The sample classifier, as it is. */
export function goodPackage(): Files {
  return Object.fromEntries(NAMES.map((name) => [name, readFileSync(new URL(name, folder))]));
}

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** What spec.model.sha256 pins. */
export const digestOf = (files: Files): string => sha256(Object.keys(files).toSorted().map((name) => `${name}\0${sha256(files[name] ?? '')}\n`).join(''));

/** The classifier with other texts for some files; `change` gets the text of each named file. */
function changed(changes: Readonly<Record<string, (text: string) => string>>): Files {
  const files = goodPackage();
  for (const [name, change] of Object.entries(changes)) files[name] = change(String(files[name]));
  return files;
}

/** The same files, one of them with other bytes: another digest, and still a model that serves. */
export const otherBytes = (): Files => changed({ 'model.yaml': (text) => `${text}\n# packed again\n` });
/** A model.json that was cut off in the middle. */
export const cutOff = (): Files => changed({ 'model.json': (text) => text.slice(0, text.length / 2) });
/** A model.yaml that promises seven readings where the model takes five. */
export const wrongSignature = (): Files => changed({ 'model.yaml': (text) => text.replace('shape: [-1, 5]', 'shape: [-1, 7]') });
/** A model.yaml without its required fields. */
export const wrongManifest = (): Files => changed({ 'model.yaml': (text) => text.replace('name: classifier', 'nom: classifier') });
/** A layer that no runtime knows. */
export const unknownLayer = (): Files => changed({ 'model.json': (text) => text.replace('"class_name": "Dense"', '"class_name": "HyperDense"') });

/** An embedding of four words, with a sample that asks for the tenth: loads, and fails when it runs. */
export function failsWarmUp(): Files {
  const input = { class_name: 'InputLayer', name: 'words', config: { batch_input_shape: [null, 2], dtype: 'float32', sparse: false, name: 'words' }, inbound_nodes: [] };
  const config = { name: 'embedded', input_dim: 4, output_dim: 2, mask_zero: false, input_length: null, trainable: true };
  const embedding = { class_name: 'Embedding', name: 'embedded', config, inbound_nodes: [[['words', 0, 0, {}]]] };
  const graph = { name: 'embedding', layers: [input, embedding], input_layers: [['words', 0, 0]], output_layers: [['embedded', 0, 0]] };
  const model = {
    format: 'layers-model',
    modelTopology: { class_name: 'Model', config: graph, keras_version: 'tfjs-layers 4.22.0', backend: 'tensor_flow.js' },
    weightsManifest: [{ paths: ['weights.bin'], weights: [{ name: 'embedded/embeddings', shape: [4, 2], dtype: 'float32' }] }],
  };
  const manifest = ['apiVersion: modelpackage.slipway.dev/v1', 'name: words', 'version: v1', 'format: tfjs-layers', 'samples:', '  - request: samples/one.request.json', ''].join('\n');
  return {
    'model.yaml': manifest,
    'model.json': JSON.stringify(model),
    'weights.bin': new Uint8Array(32),
    'samples/one.request.json': JSON.stringify({ inputs: [[1, 9]] }),
  };
}
