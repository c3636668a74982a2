// Owns reading a model package from a folder: model.yaml if there is one, else what the files say. Does not load the model.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { load as loadYaml } from 'js-yaml';
import { ModelPackage, type ModelFormat } from '@slipway/api';
import { LoadError } from '../backends/backend.ts';

export interface PackageOnDisk {
  folder: string;
  /** What model.yaml says; absent in a bare folder. */
  manifest: ModelPackage | undefined;
  format: ModelFormat;
  /** The SavedModel folder or the model.json. */
  modelPath: string;
}

export const MANIFEST = 'model.yaml';

/** Whether a folder is a package: it has a model.yaml or a model file of its own. */
export function isPackage(folder: string): boolean {
  return [MANIFEST, 'saved_model.pb', 'model.json', 'model.onnx'].some((file) => existsSync(path.join(folder, file)));
}

/**
 * Reads a package. `format` overrides what the package and its files say.
 * @throws LoadError PackageInvalid, ModelNotFound or ModelParseFailed, naming the file.
 */
export async function readPackage(folder: string, format?: ModelFormat): Promise<PackageOnDisk> {
  const manifest = await readManifest(folder);
  const declared = manifest?.path === undefined ? undefined : inside(folder, manifest.path);
  const found = await findModel(declared ?? folder, format ?? manifest?.format);
  if (found.format === 'onnx') throw new LoadError('ModelNotFound', `${found.modelPath} is ONNX, which this server image does not run`);
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
  const issues = parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.') || '(root)'}: ${issue.message}`);
  throw new LoadError('PackageInvalid', `${file}: ${issues.join('; ')}`);
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
  const folder = at.endsWith('.json') || at.endsWith('.onnx') ? path.dirname(at) : at;
  if (existsSync(path.join(folder, 'saved_model.pb')) && (format === undefined || format === 'saved-model')) {
    return { format: 'saved-model', modelPath: folder };
  }
  const json = at.endsWith('.json') ? at : path.join(folder, 'model.json');
  if (existsSync(json) && format !== 'saved-model' && format !== 'onnx') return { format: format ?? (await tfjsFormat(json)), modelPath: json };
  const onnx = at.endsWith('.onnx') ? at : path.join(folder, 'model.onnx');
  if (existsSync(onnx) && (format === undefined || format === 'onnx')) return { format: 'onnx', modelPath: onnx };
  const wanted = format === undefined ? 'a saved_model.pb or a model.json' : format === 'saved-model' ? 'a saved_model.pb' : format === 'onnx' ? 'a model.onnx' : 'a model.json';
  throw new LoadError('ModelNotFound', `${folder} holds no model: expected ${wanted}`);
}

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
