// Owns the handlers of one loaded package: what they get, what their answers mean, and what a caller is told when they fail.
// Must not know how they are run.
import { invalidInput } from '../inference/errors.ts';
import { handlerFailed } from '../inference/given.ts';
import type { ServingSpec } from '../inference/spec.ts';
import { layoutOf, sizeOf, type Tensor, type TensorData } from '../inference/tensor.ts';
import type { Handler, HandlerContext, HandlerReply, HandlerRequest, HandlerSettings, HandlerTensor } from './handler-api.ts';
import { HandlerThread, type ThreadLimits, type Wait } from './handler-thread.ts';

export interface HandlerOptions extends ThreadLimits {
  /** A handler was ended because its time was over. */
  timedOut(model: string, version: string, handler: Handler): void;
}

/** What preprocess makes of a request: what a caller could have sent, or tensors. */
export interface Preprocessed {
  inputs?: unknown;
  text?: string | readonly string[];
  pictures?: readonly Uint8Array[];
  tensors?: readonly Tensor[];
}

export class Handlers {
  readonly given: readonly Handler[];
  readonly #thread: HandlerThread;

  private constructor(thread: HandlerThread, given: readonly Handler[]) {
    this.#thread = thread;
    this.given = given;
  }

  /** @throws Error with what is wrong with the module */
  static async open(settings: HandlerSettings, identity: { name: string; version: string }, options: HandlerOptions): Promise<Handlers> {
    const thread = new HandlerThread(settings, options, (handler) => { options.timedOut(identity.name, identity.version, handler); });
    return new Handlers(thread, await thread.start());
  }

  /** @throws InferenceError invalid_input where the handler refuses the request, else as HandlerThread.ask */
  async preprocess(request: HandlerRequest, spec: ServingSpec, wait: Wait): Promise<Preprocessed> {
    const reply = await this.#thread.ask({ handler: 'preprocess', value: request, context: contextOf(spec) }, wait);
    if (!reply.ok && reply.own) throw invalidInput(reply.message, { path: 'inputs' in request ? 'inputs' : 'text', expected: 'what the preprocess handler of the package takes', got: 'something else' });
    const { tensors, pictures } = (reply.ok ? reply.binary : undefined) ?? {};
    const plain = JSON.parse(jsonOf('preprocess', reply)) as HandlerRequest;
    if (tensors !== undefined) return { tensors: Object.entries(tensors).map(([name, tensor]) => tensorOf(name, tensor, spec)) };
    return pictures === undefined ? plain : { pictures };
  }

  /**
   * The predictions as JSON, which is to be checked by who reads it.
   * @throws InferenceError inference_failed where the handler fails, else as HandlerThread.ask
   */
  async postprocess(outputs: readonly Tensor[], spec: ServingSpec, wait: Wait): Promise<string> {
    const value = Object.fromEntries(outputs.map(({ name, dtype, shape, data }) => [name, { dtype, shape, data: ownPart(data) }]));
    const reply = await this.#thread.ask({ handler: 'postprocess', value, context: contextOf(spec), spec }, wait);
    return jsonOf('postprocess', reply);
  }

  async close(): Promise<void> {
    await this.#thread.close();
  }
}

const contextOf = (spec: ServingSpec): HandlerContext => ({ model: spec.name, version: spec.version, inputs: spec.signature.inputs, outputs: spec.signature.outputs });

/** Sending a view would send all of the memory that it is on. */
const ownPart = (data: TensorData): TensorData => (Array.isArray(data) || data.byteLength === data.buffer.byteLength ? data : data.slice());

function jsonOf(handler: Handler, reply: HandlerReply): string {
  if (!reply.ok) throw handlerFailed(handler, reply.message);
  return reply.json;
}

/** Checks memory that a handler made; whether name and shape fit the model is checked with everybody's. */
function tensorOf(name: string, tensor: HandlerTensor | undefined, spec: ServingSpec): Tensor {
  const dtype = spec.signature.inputs.find((input) => input.name === name)?.dtype;
  if (dtype === undefined) throw handlerFailed('preprocess', `expected tensors named ${spec.signature.inputs.map((input) => input.name).join(', ')}, got ${name}`);
  const wanted = layoutOf(dtype).make(0).constructor;
  const { shape, data } = tensor ?? {};
  if (!Array.isArray(shape) || !shape.every((dim) => Number.isInteger(dim) && dim >= 0)) throw handlerFailed('preprocess', `expected a shape of ${name}, a list of integers`);
  if (data?.constructor !== wanted) throw handlerFailed('preprocess', `expected data of ${name} as ${wanted.name}, got ${data === undefined ? 'nothing' : data.constructor.name}`);
  const size = sizeOf(shape as number[]);
  if (data.length !== size) throw handlerFailed('preprocess', `expected ${String(size)} elements of ${name} by its shape [${shape.join(',')}], got ${String(data.length)}`);
  return { name, dtype, shape: shape as number[], data };
}
