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
  const shards = await Promise.all(manifest.flatMap((group) => group.paths).map((name) => readShard(path.join(path.dirname(file), name))));
  const data = Buffer.concat(shards);
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
  try {
    return JSON.parse(await readFile(file, 'utf8')) as ModelJson;
  } catch (error) {
    throw new LoadError('ModelParseFailed', `${file}: ${(error as Error).message}`, error);
  }
}

async function readShard(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new LoadError('ModelParseFailed', `${file}, which model.json names, cannot be read: ${(error as Error).message}`, error);
  }
}
