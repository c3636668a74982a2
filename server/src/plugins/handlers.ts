// Owns the handlers of one loaded package: what they get, what their answers mean, and what a caller is told when they fail.
// Must not know how they are run.
import type { Prediction } from '../inference/postprocess.ts';
import { InferenceError, invalidInput } from '../inference/errors.ts';
import type { ServingSpec } from '../inference/spec.ts';
import { layoutOf, rowsOf, sizeOf, type Tensor } from '../inference/tensor.ts';
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
    const plain = valueOf('preprocess', reply) as HandlerRequest;
    if (tensors !== undefined) return { tensors: Object.entries(tensors).map(([name, tensor]) => tensorOf(name, tensor, spec)) };
    return pictures === undefined ? plain : { pictures };
  }

  /** One prediction for each row. @throws InferenceError inference_failed where the handler fails, else as HandlerThread.ask */
  async postprocess(outputs: readonly Tensor[], predictions: unknown, spec: ServingSpec, wait: Wait): Promise<Prediction[]> {
    const value = Object.fromEntries(outputs.map(({ name, dtype, shape, data }) => [name, { dtype, shape, data }]));
    const given = valueOf('postprocess', await this.#thread.ask({ handler: 'postprocess', value, context: { ...contextOf(spec), predictions } }, wait));
    const rows = outputs[0] === undefined ? 0 : rowsOf(outputs[0]);
    if (!Array.isArray(given) || given.length !== rows) throw bad('postprocess', `expected a list of ${String(rows)}, one for each row, got ${Array.isArray(given) ? `a list of ${String(given.length)}` : typeof given}`);
    return given as Prediction[];
  }

  async close(): Promise<void> {
    await this.#thread.close();
  }
}

const contextOf = (spec: ServingSpec): HandlerContext => ({ model: spec.name, version: spec.version, inputs: spec.signature.inputs, outputs: spec.signature.outputs });

const bad = (handler: Handler, what: string): InferenceError => new InferenceError('inference_failed', `The ${handler} handler of the package failed: ${what}.`);

function valueOf(handler: Handler, reply: HandlerReply): unknown {
  if (!reply.ok) throw bad(handler, reply.message);
  return JSON.parse(reply.json) as unknown;
}

/** Checks memory that a handler made; whether name and shape fit the model is checked with everybody's. */
function tensorOf(name: string, tensor: HandlerTensor | undefined, spec: ServingSpec): Tensor {
  const dtype = spec.signature.inputs.find((input) => input.name === name)?.dtype;
  if (dtype === undefined) throw bad('preprocess', `expected tensors named ${spec.signature.inputs.map((input) => input.name).join(', ')}, got ${name}`);
  const wanted = layoutOf(dtype).make(0).constructor;
  const { shape, data } = tensor ?? {};
  if (!Array.isArray(shape) || !shape.every((dim) => Number.isInteger(dim) && dim >= 0)) throw bad('preprocess', `expected a shape of ${name}, a list of integers`);
  if (data?.constructor !== wanted) throw bad('preprocess', `expected data of ${name} as ${wanted.name}, got ${data === undefined ? 'nothing' : data.constructor.name}`);
  const size = sizeOf(shape as number[]);
  if (data.length !== size) throw bad('preprocess', `expected ${String(size)} elements of ${name} by its shape [${shape.join(',')}], got ${String(data.length)}`);
  return { name, dtype, shape: shape as number[], data };
}
