// Owns reading a tfjs model.json and its weight shards from disk. Must not know a runtime: it gives what tf.load* wants.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { io } from '@tensorflow/tfjs';
import { LoadError } from './backend.ts';
import { present } from '../inference/optional.ts';

interface ModelJson {
  modelTopology?: object;
  weightsManifest?: { paths: string[]; weights: io.WeightsManifestEntry[] }[];
  format?: string;
  signature?: object;
  userDefinedMetadata?: Record<string, string>;
  modelInitializer?: object;
  initializerSignature?: object;
}

/**
 * A handler that gives tf the artifacts of one model.
 * @throws LoadError ModelParseFailed naming the file that is missing, too short or no JSON.
 */
export async function readArtifacts(file: string): Promise<io.IOHandler> {
  const json = await readJson(file);
  if (json.modelTopology === undefined) throw new LoadError('ModelParseFailed', `${file} has no modelTopology`);
  const manifest = json.weightsManifest ?? [];
  if (!Array.isArray(manifest)) throw new LoadError('ModelParseFailed', `${file}: weightsManifest is no list`);
  const shards = await Promise.all(manifest.flatMap((group) => group.paths).map((name) => readShard(file, name)));
  const data = Buffer.concat(shards);
  checkLength(file, manifest, data.byteLength);
  const artifacts: io.ModelArtifacts = {
    modelTopology: json.modelTopology,
    weightSpecs: manifest.flatMap((group) => group.weights),
    weightData: data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength),
    ...present({
      format: json.format,
      signature: json.signature,
      userDefinedMetadata: json.userDefinedMetadata,
      modelInitializer: json.modelInitializer,
      initializerSignature: json.initializerSignature,
    }),
  };
  return { load: () => Promise.resolve(artifacts) };
}

async function readJson(file: string): Promise<ModelJson> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new LoadError('ModelParseFailed', `${file}: ${(error as Error).message}`, error);
  }
  if (typeof json !== 'object' || json === null) throw new LoadError('ModelParseFailed', `${file} is no JSON object, so it has no modelTopology`);
  return json;
}

async function readShard(file: string, name: string): Promise<Buffer> {
  const shard = path.join(path.dirname(file), name);
  if (path.relative(path.dirname(file), shard).startsWith('..')) throw new LoadError('PackageInvalid', `${name}, which ${file} names, leaves the folder of the model`);
  try {
    return await readFile(shard);
  } catch (error) {
    throw new LoadError('ModelParseFailed', `${shard}, which model.json names, cannot be read: ${(error as Error).message}`, error);
  }
}

const ELEMENT_BYTES: Partial<Record<string, number>> = { float32: 4, int32: 4, complex64: 8, bool: 1, uint8: 1, uint16: 2, float16: 2 };

/** Bytes of a weight; undefined where only its contents tell (texts). */
function bytesOf({ shape, dtype, quantization }: io.WeightsManifestEntry): number | undefined {
  const element = ELEMENT_BYTES[quantization?.dtype ?? dtype];
  return element === undefined ? undefined : shape.reduce((product, dim) => product * dim, element);
}

/** @throws LoadError if the shards are shorter than the weights that are said to be in them. */
function checkLength(file: string, manifest: NonNullable<ModelJson['weightsManifest']>, found: number): void {
  const sizes = manifest.flatMap((group) => group.weights).map(bytesOf);
  const wanted = sizes.reduce<number | undefined>((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), 0);
  if (wanted !== undefined && found < wanted) throw new LoadError('ModelParseFailed', `${file} names weights of ${String(wanted)} bytes, and its shards have ${String(found)}: one is cut, or of another model`);
}
