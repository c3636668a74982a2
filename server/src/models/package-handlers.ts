// Owns the handlers of a package while it is loaded: whether they may run, their start, and the samples that go through them.
// Must not know how they are run.
import { existsSync } from 'node:fs';
import { LoadError } from '../backends/backend.ts';
import { predictionsGiven } from '../inference/given.ts';
import type { ServingSpec } from '../inference/spec.ts';
import type { Tensor } from '../inference/tensor.ts';
import { Handlers, type HandlerOptions, type Preprocessed } from '../plugins/handlers.ts';
import { inside, type PackageOnDisk } from './model-package.ts';
import type { Identity } from './spec.ts';

/** A sample request, before and after preprocess. */
export type SampleBody = Preprocessed;

/** @throws LoadError PackageInvalid where they are not allowed, missing, or cannot be imported. */
export async function openHandlers({ files, identity }: { files: PackageOnDisk; identity: Identity }, options: HandlerOptions | undefined): Promise<Handlers | undefined> {
  const module = files.manifest?.handlers?.module;
  if (module === undefined) return undefined;
  if (options === undefined) {
    throw new LoadError('PackageInvalid', `model.yaml declares handlers (${module}), and code of packages is not allowed here. If you trust it, set spec.model.allowHandlers: true (ALLOW_HANDLERS=true for a server alone); else remove handlers from model.yaml.`);
  }
  const file = inside(files.folder, module);
  if (!existsSync(file)) throw new LoadError('PackageInvalid', `model.yaml declares handlers in ${module}, but ${file} does not exist`);
  try {
    return await Handlers.open({ folder: files.folder, file }, identity, options);
  } catch (error) {
    throw new LoadError('PackageInvalid', `${file}: ${(error as Error).message}`, error);
  }
}

const whenever = { deadline: Infinity };

export async function preprocessSample(handlers: Handlers | undefined, body: SampleBody, spec: ServingSpec): Promise<SampleBody> {
  return handlers?.given.includes('preprocess') === true ? handlers.preprocess(body, spec, whenever) : body;
}

/** Puts what the model answers to each sample through postprocess. @throws LoadError WarmupFailed with its words */
export async function warmHandlers(handlers: Handlers | undefined, spec: ServingSpec, samples: readonly (readonly Tensor[])[], run: (inputs: readonly Tensor[]) => Promise<Tensor[]>): Promise<void> {
  if (handlers?.given.includes('postprocess') !== true) return;
  try {
    for (const sample of samples) {
      const outputs = await run(sample);
      predictionsGiven(await handlers.postprocess(outputs, spec, whenever), outputs);
    }
  } catch (error) {
    throw new LoadError('WarmupFailed', `a sample of the package: ${(error as Error).message}`, error);
  }
}
