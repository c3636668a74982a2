// Owns the way from a folder to a model that is ready to serve: read, load, check, warm up. Every step reports its phase.
// Must not know names of other models or who asks.
import { readFile } from 'node:fs/promises';
import { durationMs, type Isolation, type ModelFormat, type ModelPackage } from '@slipway/api';
import { LoadError } from '../backends/backend.ts';
import { ModelRunner } from '../backends/model-runner.ts';
import type { WorkerPool } from '../backends/worker-pool.ts';
import { Batcher, type RanBatch } from '../batching/batcher.ts';
import type { BatchLimits } from '../batching/policy.ts';
import { ResponseCache, type CacheLimits, type HeldMemory } from '../cache/response-cache.ts';
import { picturesOf, pictureTensor, prepareInputs, prepareTensors } from '../inference/inputs.ts';
import { present } from '../inference/optional.ts';
import { DEFAULT_SIGNATURE, type ServingSpec } from '../inference/spec.ts';
import type { Tensor } from '../inference/tensor.ts';
import { textVectorizer, type TextVectorizer } from '../inference/text-vectorizer.ts';
import { numericVersion } from '../inference/versions.ts';
import { homeOf } from './footprint.ts';
import { openHandlers, preprocessSample, warmHandlers, type SampleBody } from './package-handlers.ts';
import type { HandlerOptions, Handlers } from '../plugins/handlers.ts';
import type { Model } from './model.ts';
import { inside, type PackageOnDisk } from './model-package.ts';
import { inTurns, openOthers } from './other-signatures.ts';
import { specFor, textStepOf, type Identity } from './spec.ts';
import { warmUp, type Run } from './warm-up.ts';

export interface LoaderOptions {
  workers: number;
  maxBatchSize: number;
  batchMaxDelayMs: number;
  /** Absent or empty: what the package says. */
  preferredSizes?: readonly number[];
  allowedSizes?: readonly number[];
  maxQueue: number;
  /** Absent: what the package says. `maxBytes` 0 is none. */
  cache?: CacheLimits | undefined;
  /** Where cached answers are counted; without it there is no cache. */
  memory?: HeldMemory;
  warmupIterations: number;
  format: ModelFormat | undefined;
  /** Wins over what a package says. */
  isolation: Isolation | undefined;
  /** Absent: code of packages is not run, and a package that has some is refused. */
  handlers?: HandlerOptions | undefined;
}

export interface LoaderEvents {
  phase(phase: 'Loading' | 'WarmingUp'): void;
  batch(spec: ServingSpec, batch: RanBatch): void;
  lost(spec: ServingSpec, why: string, delayMs: number): void;
  moved(spec: ServingSpec): void;
  alone(spec: ServingSpec, why: string): void;
}

const DEFAULT_ENTRIES = 10_000;

export interface LoadJob {
  identity: Identity;
  files: PackageOnDisk;
  digest: string | undefined;
  /** The version that it takes over from. */
  replaces?: Model | undefined;
}

/** @throws LoadError; nothing stays loaded then. */
export async function loadModel(pool: WorkerPool, job: LoadJob, options: LoaderOptions, events: LoaderEvents): Promise<Model> {
  events.phase('Loading');
  const handlers = await openHandlers(job, options.handlers);
  try {
    return await loadWith(handlers, pool, job, { options, events });
  } catch (error) {
    await handlers?.close();
    throw error;
  }
}

async function loadWith(handlers: Handlers | undefined, pool: WorkerPool, job: LoadJob, { options, events }: { options: LoaderOptions; events: LoaderEvents }): Promise<Model> {
  const { files } = job;
  const vectorizer = await vectorizerOf(files);
  const request = { format: files.format, path: files.modelPath, signatureName: files.manifest?.signature ?? DEFAULT_SIGNATURE };
  const runner = await ModelRunner.open(pool, request, { workers: options.workers, ...homeOf(files, options.isolation), replaces: job.replaces?.runner });
  try {
    const spec = { ...specFor(job.identity, files, runner.info), ...present({ handlers: handlers?.given }) };
    checkVectorizer(spec, vectorizer);
    events.phase('WarmingUp');
    const samples = await readSamples(files, { spec, vectorizer, handlers, decode: (bytes, channels) => runner.decode({ bytes, channels }) });
    const run: Run = async (parts) => (await runner.run(parts)).outputs;
    const wanted = batchLimits(options, files.manifest);
    const warm = await warmUp(run, spec.signature, samples, { iterations: options.warmupIterations, maxBatchSize: wanted.maxRows, allowed: wanted.allowed, workers: runner.workers });
    await warmHandlers(handlers, spec, samples, (inputs) => run([inputs]));
    const limits = { ...wanted, merge: warm.batching.enabled };
    const batches = { ...limits, maxQueue: options.maxQueue, atEndOfTurn: setImmediate, onBatch: (batch: RanBatch) => { events.batch(spec, batch); } };
    const batcher = new Batcher(runner, batches);
    const model = { spec, runner, batcher, limits, vectorizer, handlers, cache: responseCache(options, files.manifest), ...warm, ...identityOf(files.manifest, job) };
    const others = await openOthers(model, { ...batches, warmupIterations: options.warmupIterations });
    runner.listen({
      free: inTurns([batcher, ...[...others.values()].map((other) => other.batcher)]),
      lost: (why, delayMs) => { events.lost(spec, why, delayMs); },
      moved: () => { events.moved(spec); },
      alone: (why) => { events.alone(spec, why); },
    });
    return { ...model, others };
  } catch (error) {
    await runner.close();
    throw error;
  }
}

/** What the server is told goes before what the package says. */
function responseCache({ cache, memory }: LoaderOptions, manifest: ModelPackage | undefined): ResponseCache | undefined {
  const packaged = manifest?.cache;
  const own = packaged === undefined ? undefined : { maxBytes: packaged.maxBytes, maxEntries: packaged.maxEntries ?? DEFAULT_ENTRIES, ttlMs: durationMs(packaged.ttl ?? '0s') };
  const limits = cache ?? own;
  return limits === undefined || limits.maxBytes === 0 || memory === undefined ? undefined : new ResponseCache(limits, memory);
}

type WantedLimits = Required<Omit<BatchLimits, 'merge'>>;

/** What the server is told goes before what the package says. */
function batchLimits(options: LoaderOptions, manifest: ModelPackage | undefined): WantedLimits {
  const { maxBatchSize } = options;
  const usable = (own: readonly number[] = [], packaged: readonly number[] = []): number[] =>
    [...new Set(own.length > 0 ? own : packaged)].filter((size) => size <= maxBatchSize).sort((a, b) => a - b);
  const allowed = usable(options.allowedSizes, manifest?.batching?.allowedSizes);
  return { maxRows: allowed.at(-1) ?? maxBatchSize, maxDelayMs: options.batchMaxDelayMs, preferred: usable(options.preferredSizes, manifest?.batching?.preferredSizes), allowed };
}

function identityOf(manifest: ModelPackage | undefined, job: LoadJob): Pick<Model, 'packageName' | 'numericVersion' | 'digest'> {
  return { packageName: manifest?.name, numericVersion: numericVersion(job.identity.version, manifest?.numericVersion), digest: job.digest };
}

async function vectorizerOf(files: PackageOnDisk): Promise<TextVectorizer | undefined> {
  const step = textStepOf(files.manifest);
  if (step === undefined) return undefined;
  const file = inside(files.folder, step.vocabulary.file);
  try {
    return textVectorizer(step, await readFile(file));
  } catch (error) {
    throw new LoadError('PackageInvalid', `${file}: ${(error as Error).message}`, error);
  }
}

/** A text model has one input of [texts, width] in the vectorizer's dtype. */
function checkVectorizer(spec: ServingSpec, vectorizer: TextVectorizer | undefined): void {
  if (vectorizer === undefined) return;
  const [input, other] = spec.signature.inputs;
  const width = input?.shape[1] ?? -1;
  const ok = input !== undefined && other === undefined && input.shape.length === 2 && input.dtype === vectorizer.dtype && (width === -1 || width === vectorizer.width);
  if (ok) return;
  const found = spec.signature.inputs.map((tensor) => `${tensor.name} ${tensor.dtype} [${tensor.shape.join(',')}]`).join(', ');
  throw new LoadError('WrongSignature', `the text preprocessing gives ${vectorizer.dtype} [-1,${String(vectorizer.width)}]; the model takes ${found}`);
}

/** The package's own requests as tensors. A sample that does not fit the model is the package's mistake. */
async function readSamples(files: PackageOnDisk, target: SampleTarget): Promise<Tensor[][]> {
  const samples: Tensor[][] = [];
  for (const sample of files.manifest?.samples ?? []) {
    const file = inside(files.folder, sample.request);
    try {
      const body = JSON.parse(await readFile(file, 'utf8')) as SampleBody;
      samples.push(await sampleTensors(await preprocessSample(target.handlers, body, target.spec), target));
    } catch (error) {
      throw new LoadError('PackageInvalid', `${file}: ${(error as Error).message}`, error);
    }
  }
  return samples;
}


interface SampleTarget {
  spec: ServingSpec;
  vectorizer: TextVectorizer | undefined;
  handlers: Handlers | undefined;
  decode: (bytes: Uint8Array, channels: number) => Promise<Tensor>;
}

async function sampleTensors(body: SampleBody, { spec, vectorizer, decode }: SampleTarget): Promise<Tensor[]> {
  if (body.tensors !== undefined) return prepareTensors(body.tensors, spec).tensors;
  const pictures = body.pictures ?? picturesOf(body.inputs, spec);
  if (pictures !== undefined) {
    const decoded = await Promise.all(pictures.map((bytes) => decode(bytes, spec.image?.channels ?? 1)));
    return prepareTensors([pictureTensor(decoded, spec)], spec, undefined).tensors;
  }
  if (vectorizer === undefined) return prepareInputs(body.inputs, spec, undefined).tensors;
  const texts = typeof body.text === 'string' ? [body.text] : (body.text ?? ['']);
  return [textTensor(vectorizer, texts, spec)];
}

/** Texts as the input of a text model. */
export function textTensor(vectorizer: TextVectorizer, texts: readonly string[], spec: ServingSpec): Tensor {
  const { dtype, shape, data } = vectorizer.vectorize(texts);
  return { name: spec.signature.inputs[0]?.name ?? 'text', dtype, shape, data };
}
