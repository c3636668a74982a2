// Owns where a body of instances is read and printed: small ones here, large ones in the body thread, to the byte alike.
import type { Kind, Registry } from '../../models/registry.ts';
import type { ServingSpec } from '../../inference/spec.ts';
import type { Call, CallResult } from '../../pipeline/call.ts';
import type { InferenceEngine } from '../../pipeline/inference-engine.ts';
import { bufferOf, movableBytes, movableResult } from '../bodies/memory.ts';
import type { BodyThread } from '../bodies/thread.ts';
import type { HttpAnswer } from '../../http/answer.ts';
import { READ, WRITE, type ReadDone, type ReadJob, type Specs, type WriteJob } from './body-jobs.ts';
import { FORMATS, type Decoded, type Protocol, type Wish } from './formats.ts';

export interface InstanceBodiesOptions {
  engine: Pick<InferenceEngine, 'describe'>;
  registry: Registry;
  thread: BodyThread;
  /** Bodies above this many bytes are read in the thread. */
  inlineBytes: number;
}

/** Name and version where the URL or a header gives them. */
export interface Which {
  name: string | undefined;
  version: string | undefined;
}

export interface InstanceRequest {
  protocol: Protocol;
  body: Buffer;
  contentType: string;
  which: Which;
  /** Whether an explanation is wanted. */
  extras?: boolean;
}

export interface Read extends Pick<Decoded, 'shape'> {
  call: Call;
}

export class InstanceBodies {
  readonly #options: InstanceBodiesOptions;

  constructor(options: InstanceBodiesOptions) {
    this.#options = options;
  }

  /**
   * The call for a body. The model is asked what it takes before the rows are read.
   * @throws InferenceError
   */
  async read(request: InstanceRequest): Promise<Read> {
    const { protocol, body, contentType, which } = request;
    const { engine, inlineBytes, registry } = this.#options;
    const format = FORMATS[protocol];
    if (body.byteLength > inlineBytes && !format.isRaw(body, contentType)) return this.#readLarge(request, movableBytes(body), specsOf(registry, which));
    const opened = format.open(body, contentType);
    const { spec } = await engine.describe({ ...which, takes: opened.takes });
    return readOf(request, spec, opened.decode(spec));
  }

  /** A model that the registry cannot give at once (unknown, not loaded yet) is for the engine to find or to refuse. */
  async #readLarge(request: InstanceRequest, bytes: ReadJob['bytes'], specs: Specs): Promise<Read> {
    const { engine, thread } = this.#options;
    const job: ReadJob = { protocol: request.protocol, bytes, contentType: request.contentType, specs };
    const done = (await thread.ask(READ, job, [bytes.buffer])) as ReadDone;
    if ('decoded' in done) return readOf(request, done.spec, done.decoded);
    const { spec } = await engine.describe({ ...request.which, takes: done.takes });
    return this.#readLarge(request, done.bytes, { [done.takes]: spec });
  }

  async print(protocol: Protocol, result: CallResult, wish: Wish): Promise<HttpAnswer> {
    if (!result.results.some((item) => item.deferred)) return { status: 200, ...FORMATS[protocol].print(result, wish) };
    const { value: moved, transfer } = movableResult(result);
    const job: WriteJob = { protocol, result: moved, wish };
    const { type, bytes } = (await this.#options.thread.ask(WRITE, job, transfer)) as { type: string; bytes: Uint8Array };
    return { status: 200, type, body: bufferOf(bytes) };
  }
}

function readOf({ extras = false }: InstanceRequest, { name, version }: Pick<ServingSpec, 'name' | 'version'>, { item, ...rest }: Decoded): Read {
  return { call: { modelName: name, modelVersion: version, items: [item], maxBatchSize: undefined, extras }, ...rest };
}

/** What the registry would give now to a call of each kind, of the models that are loaded. */
function specsOf(registry: Registry, which: Which): Specs {
  const loaded = (takes: Kind): Specs => {
    try {
      const { phase, model } = registry.select({ ...which, takes });
      return phase === 'Ready' && model !== undefined ? { [takes]: model.spec } : {};
    } catch {
      return {};
    }
  };
  return { ...loaded('tensors'), ...loaded('text'), ...loaded('picture') };
}
