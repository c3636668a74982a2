// Owns reading a model package from a folder: model.yaml if there is one, else what the files say. Does not load the model.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { load as loadYaml } from 'js-yaml';
import { ModelPackage, packageIssues, type ModelFormat } from '@slipway/api';
import { LoadError } from '../backends/backend.ts';

export interface PackageOnDisk {
  folder: string;
  /** What model.yaml says; absent in a bare folder. */
  manifest: ModelPackage | undefined;
  format: ModelFormat;
  /** The SavedModel folder, the model.json or the ONNX file. */
  modelPath: string;
}

export const MANIFEST = 'model.yaml';

/** Whether a folder is a package: it has a model.yaml or a model file of its own. */
export function isPackage(folder: string): boolean {
  return [MANIFEST, ...KINDS.map((kind) => kind.file)].some((file) => existsSync(path.join(folder, file))) || onlyOnnx(folder) !== undefined;
}

/**
 * Reads a package. `format` overrides what the package and its files say.
 * @throws LoadError PackageInvalid, ModelNotFound or ModelParseFailed, naming the file.
 */
export async function readPackage(folder: string, format?: ModelFormat): Promise<PackageOnDisk> {
  const manifest = await readManifest(folder);
  const declared = manifest?.path === undefined ? undefined : inside(folder, manifest.path);
  const found = await findModel(declared ?? folder, format ?? manifest?.format);
  return { folder, manifest, ...found };
}

async function readManifest(folder: string): Promise<ModelPackage | undefined> {
  const file = path.join(folder, MANIFEST);
  if (!existsSync(file)) return undefined;
  let document: unknown;
  try {
    document = loadYaml(await readFile(file, 'utf8'));
  } catch (error) {
    throw new LoadError('PackageInvalid', `${file}: ${(error as Error).message.split('\n')[0] ?? ''}`, error);
  }
  const parsed = ModelPackage.safeParse(document);
  if (parsed.success) return parsed.data;
  throw new LoadError('PackageInvalid', `${file}: ${packageIssues(parsed.error)}`);
}

/** @throws LoadError PackageInvalid for a path that leaves the package. */
export function inside(folder: string, relative: string): string {
  const resolved = path.resolve(folder, relative);
  if (resolved !== folder && !resolved.startsWith(path.resolve(folder) + path.sep)) {
    throw new LoadError('PackageInvalid', `${relative} leaves the package ${folder}`);
  }
  return resolved;
}

interface Found {
  format: ModelFormat;
  modelPath: string;
}

async function findModel(at: string, format: ModelFormat | undefined): Promise<Found> {
  const kinds = KINDS.filter((kind) => format === undefined || kind.formats.includes(format));
  for (const kind of kinds) {
    const file = fileOf(kind.file, at);
    if (!existsSync(file)) continue;
    if (kind.file === 'model.json') return { format: format ?? (await tfjsFormat(file)), modelPath: file };
    return { format: kind.formats[0], modelPath: kind.file === 'saved_model.pb' ? path.dirname(file) : file };
  }
  throw new LoadError('ModelNotFound', existsSync(at) ? `${at} holds no model: expected ${kinds.map((kind) => `a ${kind.file}`).join(' or ')}${severalOnnx(at)}` : `${at} does not exist`);
}

const severalOnnx = (at: string): string => {
  const found = onnxFiles(at);
  return found.length > 1 ? `; of ${found.join(', ')} call one ${ONNX_FILE}, or name it in model.yaml: path` : '';
};

const onnxFiles = (folder: string): string[] => (existsSync(folder) && statSync(folder).isDirectory() ? readdirSync(folder).filter((name) => name.endsWith('.onnx')).sort() : []);

function fileOf(name: string, at: string): string {
  if (at.endsWith(path.extname(name))) return at;
  return name === ONNX_FILE ? (onlyOnnx(at) ?? path.join(at, name)) : path.join(at, name);
}

/** ONNX files have any name; a folder's only one is its model, or of several the one called model.onnx. */
function onlyOnnx(folder: string): string | undefined {
  const found = onnxFiles(folder);
  const name = found.length > 1 ? found.find((each) => each === ONNX_FILE) : found[0];
  return name === undefined ? undefined : path.join(folder, name);
}

const ONNX_FILE = 'model.onnx';

/** Model files by name, in the order they are looked for, and the formats each may be. */
const KINDS: readonly { file: string; formats: readonly [ModelFormat, ...ModelFormat[]] }[] = [
  { file: 'saved_model.pb', formats: ['saved-model'] },
  { file: 'model.json', formats: ['tfjs-graph', 'tfjs-layers'] },
  { file: ONNX_FILE, formats: ['onnx'] },
];

/** A model.json says which kind it is; old ones only by their topology. */
async function tfjsFormat(file: string): Promise<ModelFormat> {
  try {
    const json = JSON.parse(await readFile(file, 'utf8')) as { format?: string; modelTopology?: object };
    if (json.format === 'layers-model' || json.format === 'graph-model') return json.format === 'layers-model' ? 'tfjs-layers' : 'tfjs-graph';
    return json.modelTopology !== undefined && 'node' in json.modelTopology ? 'tfjs-graph' : 'tfjs-layers';
  } catch (error) {
    throw new LoadError('ModelParseFailed', `${file}: ${(error as Error).message}`, error);
  }
}

/** The folder that a path or a file:// URL names. @throws LoadError for other schemes */
export function folderOf(url: string): string {
  if (url.startsWith('file://')) return fileURLToPath(url);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1];
  if (scheme !== undefined) throw new LoadError('ModelNotFound', `${scheme}:// is fetched by slipway-fetch; give a folder or a file:// URL`);
  return path.resolve(url);
}
