// What somebody hands to `slipway pack`, as the files of a package: SavedModel, tfjs, ONNX, or a TorchServe archive that holds ONNX.
// It must not load a model.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { packageIssues } from '@slipway/api';
import { z } from 'zod';
import { readZip } from './zip.ts';

/** A package to be: its files, and what the source says about itself. */
export interface Source {
  /** Path inside the package -> its bytes, read when asked for. */
  readonly files: ReadonlyMap<string, () => Uint8Array>;
  readonly name: string;
  readonly version: string | undefined;
}

/** It cannot be packed; the message says why and what to do instead. */
export class PackError extends Error {
  override name = 'PackError';
}

const OWN_SERVER = 'Slipway runs models, not Python. Export the model to ONNX (torch.onnx.export) and pack that, or keep TorchServe as your own server: spec.runtime of the InferenceService (docs/formats.md, "A MAR with PyTorch code")';

/** @throws PackError */
export function openSource(source: string): Source {
  if (!existsSync(source)) throw new PackError(`${source} does not exist`);
  const name = path.basename(path.resolve(source));
  if (statSync(source).isDirectory()) return folderSource(source, name);
  if (/\.(mar|zip)$/.test(name)) return marSource(source);
  if (name.endsWith('.onnx')) return { name: path.basename(name, '.onnx'), version: undefined, files: new Map([['model.onnx', () => readFileSync(source)]]) };
  if (name === 'model.json' || name === 'saved_model.pb') return openSource(path.dirname(path.resolve(source)));
  throw new PackError(`${source} is none of: a SavedModel folder, a tfjs folder with a model.json, an .onnx file or a folder with one, a .mar archive`);
}

const MODEL_FILES = ['saved_model.pb', 'model.json'];

function folderSource(folder: string, base: string): Source {
  if (existsSync(path.join(folder, 'model.yaml'))) throw new PackError(`${folder} is a model package already: it has a model.yaml, which you can edit`);
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => !name.split(path.sep).some((part) => part.startsWith('.')) && isFile(path.join(folder, name)));
  const onnx = names.filter((name) => name.endsWith('.onnx') && !name.includes(path.sep));
  if (!names.some((name) => MODEL_FILES.includes(name)) && onnx.length === 0) {
    throw new PackError(`${folder} holds no model: expected a saved_model.pb, a model.json or an .onnx file in it${nested(names)}`);
  }
  if (onnx.length > 1 && !onnx.includes('model.onnx')) throw new PackError(`${folder} holds several models (${onnx.sort().join(', ')}); name the file, or call one model.onnx`);
  // TensorFlow Serving's layout: <name>/<version>/saved_model.pb
  const numeric = /^\d+$/.test(base);
  const name = numeric ? path.basename(path.dirname(path.resolve(folder))) : base;
  return { name, version: numeric ? base : undefined, files: new Map(names.sort().map((file) => [file.split(path.sep).join('/'), () => readFileSync(path.join(folder, file))])) };
}

/** Links are followed: caches of models keep their files elsewhere. @throws PackError for one that leads nowhere */
function isFile(file: string): boolean {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) throw new PackError(`${file} is a link that leads nowhere`);
  return found.isFile();
}

function nested(names: readonly string[]): string {
  const below = names.filter((name) => MODEL_FILES.includes(path.basename(name)) || name.endsWith('.onnx')).map((name) => path.dirname(name));
  return below.length === 0 ? '' : `; there is one in ${[...new Set(below)].sort().slice(0, 3).join(', ')}`;
}

/** Of a MAR's manifest what is used; archivers write versions as numbers too. */
const word = z.union([z.string(), z.number().transform(String)]).optional();
const MarManifest = z.object({ model: z.object({ modelName: word, modelVersion: word, serializedFile: word, handler: word, modelFile: word }) });

const MANIFEST = 'MAR-INF/MANIFEST.json';

function marSource(file: string): Source {
  const files = unzipped(file);
  const manifest = files.get(MANIFEST);
  if (manifest === undefined) throw new PackError(`${file} is no TorchServe archive: it has no ${MANIFEST}`);
  const { serializedFile = '', ...model } = parsed(file, manifest());
  const code = [model.modelFile, serializedFile, model.handler].filter((name) => name !== undefined && name !== '').join(', ');
  if (!serializedFile.endsWith('.onnx')) throw new PackError(`${file} holds PyTorch code (${code || 'a handler'}), no ONNX model. ${OWN_SERVER}`);
  const read = files.get(serializedFile);
  if (read === undefined) throw new PackError(`${file}: its manifest names ${serializedFile}, which is not in it`);
  return { name: model.modelName ?? path.basename(file, path.extname(file)), version: model.modelVersion, files: new Map([['model.onnx', read], ...weightsOf(files, serializedFile)]) };
}

/** Weights in files of their own lie beside the model; the code and its dependencies stay behind. */
const weightsOf = (files: ReturnType<typeof readZip>, model: string): [string, () => Buffer][] =>
  [...files].filter(([name]) => name !== model && /\.(data|bin|weights?)$/.test(name));

function unzipped(file: string): ReturnType<typeof readZip> {
  const orRefuse = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      throw new PackError(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
    }
  };
  return new Map([...orRefuse(() => readZip(readFileSync(file)))].map(([name, read]) => [name, () => orRefuse(read)]));
}

function parsed(file: string, bytes: Buffer): z.infer<typeof MarManifest>['model'] {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new PackError(`${file}: ${MANIFEST}: ${(error as Error).message}`, { cause: error });
  }
  const found = MarManifest.safeParse(json);
  if (found.success) return found.data.model;
  throw new PackError(`${file}: ${MANIFEST} does not name a model: ${packageIssues(found.error)}`);
}
