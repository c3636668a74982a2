// Owns where models lie: a folder of models, TensorFlow Serving's numeric layout, one package, or what slipway-fetch left.
// Only lists; it does not read packages.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { FetchedPackage } from '@slipway/api';
import { LoadError } from '../backends/backend.ts';
import { highestVersion } from '../inference/versions.ts';
import { isPackage } from './model-package.ts';

export interface Listed {
  folder: string;
  /** Name and version by the folders; a package's own model.yaml wins. */
  name: string;
  version: string | undefined;
  /** Digest of the package, where slipway-fetch recorded it. */
  digest?: string;
}

/** @throws LoadError ModelNotFound when nothing servable lies there. */
export function listModels(root: string): Listed[] {
  if (!existsSync(root)) throw new LoadError('ModelNotFound', `MODEL_PATH ${root} does not exist`);
  const fetched = fetchedIn(root);
  if (fetched !== undefined) return [{ ...single(path.join(root, fetched.path)), digest: fetched.digest }];
  if (isPackage(root) || numericOnly(root)) return [single(root)];
  const found = subfolders(root).flatMap((name) => modelsOf(path.join(root, name), name));
  if (found.length === 0) throw new LoadError('ModelNotFound', `${root} holds no model: expected <name>/<version>/ folders, or one package`);
  return found;
}

function fetchedIn(root: string): FetchedPackage | undefined {
  const file = path.join(root, '.slipway', 'fetched.json');
  if (!existsSync(file)) return undefined;
  try {
    return FetchedPackage.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new LoadError('ModelNotFound', `${file}: ${(error as Error).message}`, error);
  }
}

/** One package, or the highest of numeric subfolders (TensorFlow Serving's layout). */
function single(folder: string): Listed {
  const name = path.basename(path.resolve(folder));
  if (isPackage(folder)) return { folder, name, version: undefined };
  const highest = numericOnly(folder) ? highestVersion(subfolders(folder)) : undefined;
  if (highest === undefined) throw new LoadError('ModelNotFound', `${folder} holds no model: expected a model.yaml, a saved_model.pb or a model.json`);
  return { folder: path.join(folder, highest), name, version: highest };
}

function modelsOf(folder: string, name: string): Listed[] {
  if (isPackage(folder)) return [{ folder, name, version: undefined }];
  return subfolders(folder)
    .map((version) => ({ folder: path.join(folder, version), name, version }))
    .filter((listed) => isPackage(listed.folder));
}

function subfolders(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => (entry.isDirectory() || entry.isSymbolicLink()) && !entry.name.startsWith('.'))
    .map((entry) => entry.name)
    .filter((name) => isDirectory(path.join(folder, name)))
    .sort();
}

function isDirectory(candidate: string): boolean {
  try {
    readdirSync(candidate);
    return true;
  } catch {
    return false;
  }
}

function numericOnly(folder: string): boolean {
  const names = subfolders(folder);
  return names.length > 0 && names.every((name) => /^\d+$/.test(name));
}
