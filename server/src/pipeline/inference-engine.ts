// Owns a prediction from a call to its answer in plain values: lease, prepare, admit, run, postprocess. Knows no protocol and no
// HTTP; every protocol calls this.
import type { BatchResult } from '../batching/batcher.ts';
import { keyOf } from '../cache/key.ts';
import type { ResponseCache } from '../cache/response-cache.ts';
import { atItem, InferenceError, invalidInput, type Meant } from '../inference/errors.ts';
import type { Prepared } from '../inference/inputs.ts';
import type { ServingSpec } from '../inference/spec.ts';
import { bytesOf, concatRows, layoutOf, rowSizeOf, rowsOf, sliceRows, type Tensor } from '../inference/tensor.ts';
import type { Model } from '../models/model.ts';
import type { Kind, Lease, Registry, Wanted } from '../models/registry.ts';
import type { MetricsCollector } from '../metrics/metrics-collector.ts';
import type { Call, CallResult, Item, ItemResult } from './call.ts';
import { execute, type CallContext } from './execute.ts';
import { explainRows, MAX_EXPLAINED_ROWS } from './explain.ts';
import { handled, hasPostprocess, hasPreprocess, preprocessed } from './handled.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { answered, isLarge, placeOf } from './postprocess.ts';
import type { PreprocessingPipeline } from './preprocessing-pipeline.ts';
import { following, type Soon } from './soon.ts';

export interface EngineOptions {
  registry: Registry;
  preprocessing: PreprocessingPipeline;
  metrics: MetricsCollector;
  memory: MemoryBudget;
  maxBatchSize: number;
  maxBatchItems: number;
}

/** Inputs, their stacked copy, the runtime's own and the outputs: what a call needs beside its body. */
const MEMORY_FACTOR = 4;

export class InferenceEngine {
  readonly #options: EngineOptions;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /**
   * The model that a call would use, loaded if it is lazy: protocols that need its dtypes to read a body ask before they decode.
   * @throws InferenceError as Registry.lease
   */
  describe(wanted: Wanted): Soon<Model> {
    return this.#options.registry.ready(wanted) ?? this.#loaded(wanted);
  }

  async #loaded(wanted: Wanted): Promise<Model> {
    using lease = await this.#options.registry.lease(wanted);
    return lease.model;
  }

  /**
   * Name and version that a call means, for its failure's labels; both empty where it means none that is served, so labels stay bounded.
   * @param told the model of a call whose body could not be read
   */
  meant(call: Call | undefined, told?: Meant): { name: string; version: string } {
    if (call === undefined && told?.name === undefined) return NOBODY;
    const wanted = call === undefined ? { name: told?.name, version: told?.version } : { name: call.modelName, version: call.modelVersion };
    try {
      const { name, version } = this.#options.registry.select({ ...wanted, takes: kindOf(call?.items[0]) });
      return { name, version };
    } catch {
      return NOBODY;
    }
  }

  /** @throws InferenceError, at once or later; one bad item fails the whole call and is named by its index. */
  predict(call: Call, context: CallContext): Promise<CallResult> {
    const leased = this.#options.registry.lease({ name: call.modelName, version: call.modelVersion, takes: kindOf(call.items[0]) });
    return leased instanceof Promise ? leased.then((lease) => this.#answer(lease, call, context)) : this.#answer(leased, call, context);
  }

  /** One function for all of it: each that waits costs a call a promise. */
  async #answer(lease: Lease, call: Call, context: CallContext): Promise<CallResult> {
    let release: (() => void) | undefined;
    try {
      const model = signed(lease.model, call);
      const { spec } = model;
      checkWanted(call, spec);
      const started = performance.now();
      const preparing = this.#prepare(model, call, context);
      const prepared = preparing instanceof Promise ? await preparing : preparing;
      const preprocess = performance.now() - started;
      const looking = this.#look(model, call, prepared);
      const looked = looking === undefined ? undefined : await looking;
      release = this.#admit(spec, prepared, looked);
      const executed = looked?.found ?? ranOf(await this.#execute(model, { call, prepared, context }));
      const ran = performance.now();
      const finishing = this.#finish(model, { call, prepared, executed, context });
      const results = finishing instanceof Promise ? await finishing : finishing;
      const timings = { preprocess, queue: executed.queueMs, batch: executed.batchMs, compute: executed.computeMs, postprocess: performance.now() - ran };
      this.#measure(spec, timings, looked?.found !== undefined);
      return looked === undefined ? { spec, results, timings } : { spec, results, timings, cache: this.#kept(model, looked, executed.perItem) };
    } finally {
      release?.();
      lease[Symbol.dispose](); // `using` costs a call more than the lease does
    }
  }

  /** Kept outputs need no memory beside their own. */
  #admit(spec: ServingSpec, prepared: readonly Prepared[], looked: Looked | undefined): () => void {
    return this.#options.memory.admit(looked?.found === undefined ? estimate(spec, prepared) : 0);
  }

  /** Looks for the outputs of these inputs; undefined where the call does not use the cache: there is none, or it wants explanations. */
  #look(model: Model, call: Call, prepared: readonly Prepared[]): Promise<Looked> | undefined {
    const { cache } = model;
    return cache === undefined || isExplained(model, call, prepared) ? undefined : this.#lookInto(cache, model, prepared);
  }

  async #lookInto(cache: ResponseCache, { spec }: Model, prepared: readonly Prepared[]): Promise<Looked> {
    const started = performance.now();
    const key = await keyOf(prepared.map((item) => item.tensors));
    const perItem = cache.get(key);
    const ms = performance.now() - started;
    if (perItem === undefined) return { key, ms, found: undefined };
    this.#options.metrics.cache(spec.name, spec.version, { hit: true, ms });
    return { key, ms, found: { perItem, queueMs: 0, batchMs: 0, computeMs: 0 } };
  }

  /** Keeps outputs that had to be computed; says whether they were there. */
  #kept({ cache, spec }: Model, { key, ms, found }: Looked, perItem: Tensor[][]): 'hit' | 'miss' {
    if (found !== undefined) return 'hit';
    const started = performance.now();
    cache?.put(key, perItem);
    this.#options.metrics.cache(spec.name, spec.version, { hit: false, ms: ms + performance.now() - started });
    return 'miss';
  }

  /** One item, which is what most calls bring, waits for nothing but pictures. */
  #prepare(model: Model, call: Call, context: CallContext): Soon<Prepared[]> {
    const { preprocessing, maxBatchItems } = this.#options;
    const [only, other] = call.items;
    if (only === undefined || other !== undefined || hasPreprocess(model)) return this.#prepareAll(model, call, context);
    return following(only.prepared ?? preprocessing.prepare(model, only, call.nonFinite === true), (prepared) => {
      if (prepared.rows > maxBatchItems) throw tooMany(prepared.rows, maxBatchItems);
      return [prepared];
    });
  }

  async #prepareAll(model: Model, call: Call, context: CallContext): Promise<Prepared[]> {
    const { maxBatchItems } = this.#options;
    if (call.items.length > maxBatchItems) throw tooMany(call.items.length, maxBatchItems);
    const prepared: Prepared[] = [];
    let rows = 0;
    for (const [index, item] of call.items.entries()) {
      const one = await this.#prepareItem(model, item, { index, of: call.items.length, nonFinite: call.nonFinite === true, context });
      prepared.push(one);
      rows += one.rows;
      if (rows > maxBatchItems) throw tooMany(rows, maxBatchItems);
    }
    return prepared;
  }

  async #prepareItem(model: Model, item: Item, place: { index: number; of: number; nonFinite: boolean; context: CallContext }): Promise<Prepared> {
    try {
      return item.prepared ?? (await this.#options.preprocessing.prepare(model, await preprocessed(model, item, place.context), place.nonFinite));
    } catch (error) {
      throw place.of === 1 ? error : atItem(error, placeOf(place.index, place.of));
    }
  }

  /** Items of equal row shape run as one stack; others one by one (the batcher may still join them). */
  #execute(model: Model, ready: Ready): Promise<Run> {
    const [first, second] = ready.prepared;
    const chunk = ready.call.maxBatchSize ?? this.#options.maxBatchSize;
    const context = runContext(model, ready);
    return first !== undefined && second === undefined ? execute(model, first.tensors, chunk, context) : this.#executeAll(model, ready.prepared, chunk, context);
  }

  async #executeAll(model: Model, prepared: readonly Prepared[], chunk: number, context: CallContext): Promise<Run> {
    if (!sameShape(prepared)) {
      const runs = await Promise.all(prepared.map((item) => execute(model, item.tensors, chunk, context)));
      return { ...merge(runs), perItem: runs.map((run) => run.outputs) };
    }
    const names = prepared[0]?.tensors ?? [];
    const stacked = names.map((_, at) => concatRows(prepared.map((item) => item.tensors[at] as Tensor)));
    const run = await execute(model, stacked, chunk, context);
    return { ...run, perItem: takeApart(run.outputs, prepared) };
  }

  /** Only code of a package and explanations have to be waited for. */
  #finish(model: Model, work: Work): Soon<ItemResult[]> {
    const { call, prepared, executed: { perItem } } = work;
    if (call.answer === 'tensors') return perItem.map((outputs) => ({ outputs: wantedOf(outputs, call.outputs), predictions: [], single: false, deferred: false }));
    if (hasPostprocess(model) || isExplained(model, call, prepared)) return Promise.all(perItem.map((outputs, index) => this.#finishSlowly(model, work, outputs, index)));
    const deferred = isLarge(perItem.flat());
    return perItem.map((outputs, index) => (deferred ? { outputs, predictions: [], single: isSingle(call, index), deferred } : finished(model, call, outputs, index)));
  }

  async #finishSlowly(model: Model, { call, prepared, context }: Work, outputs: Tensor[], index: number): Promise<ItemResult> {
    if (hasPostprocess(model)) return { ...(await handled(model, outputs, call.extras, context)), single: isSingle(call, index) };
    const result = finished(model, call, outputs, index);
    const explanations = await explainRows(model, { item: call.items[index] ?? {}, tensors: prepared[index]?.tensors ?? [], result, context });
    return explanations === undefined ? result : { ...result, explanations };
  }

  /** Kept outputs neither waited nor ran. */
  #measure(spec: ServingSpec, timings: CallResult['timings'], kept: boolean): void {
    const { metrics } = this.#options;
    if (!kept) metrics.inference(timings.compute);
    for (const phase of kept ? (['preprocess', 'postprocess'] as const) : (['preprocess', 'queue', 'batch', 'compute', 'postprocess'] as const)) metrics.phase(spec.name, spec.version, phase, timings[phase]);
  }
}

/** @throws InferenceError where the model was loaded anew meanwhile, and lacks the signature now */
function signed(model: Model, { signature }: Call): Model {
  const found = signature === undefined ? model : model.others.get(signature);
  if (found === undefined) throw invalidInput(`Model ${model.spec.name} has no signature ${String(signature)}.`, { path: 'signature_name', expected: [...model.others.keys()].join(', '), got: String(signature) });
  return found;
}

/** What came out for each item, and how long it took. */
type Ran = Pick<BatchResult, 'queueMs' | 'batchMs' | 'computeMs'> & { perItem: Tensor[][] };

/** Without `perItem` the outputs are those of the only item. */
type Run = BatchResult & Partial<Pick<Ran, 'perItem'>>;

const ranOf = ({ outputs, perItem = [outputs], queueMs, batchMs, computeMs }: Run): Ran => ({ perItem, queueMs, batchMs, computeMs });

/** A call that can run. */
interface Ready {
  call: Call;
  prepared: readonly Prepared[];
  context: CallContext;
}

/** A call that ran. */
interface Work extends Ready {
  executed: Ran;
}

/** Whether an item is one text. */
const isSingle = ({ items }: Call, index: number): boolean => typeof items[index]?.text === 'string';

const finished = ({ spec }: Model, call: Call, outputs: Tensor[], index: number): ItemResult => ({
  ...answered(spec, outputs, call.extras, placeOf(index, call.items.length)), single: isSingle(call, index), deferred: false,
});

/** A look into the cache. */
interface Looked {
  key: string;
  ms: number;
  found: Ran | undefined;
}

/** What a handler does to a request or an answer has no place in an explanation. */
function isExplained({ spec, handlers }: Model, call: Call, prepared: readonly Prepared[]): boolean {
  return handlers === undefined && call.extras && call.answer !== 'tensors' && spec.explanation === 'occlusion' && prepared.reduce((sum, item) => sum + item.rows, 0) <= MAX_EXPLAINED_ROWS;
}

/** Nobody looks at the inputs again, unless their answer is explained. */
const runContext = (model: Model, { call, prepared, context }: Ready): CallContext =>
  (isExplained(model, call, prepared) ? context : { ...context, owned: true });

function estimate(spec: ServingSpec, prepared: readonly Prepared[]): number {
  const inputs = prepared.reduce((sum, item) => sum + item.tensors.reduce((bytes, tensor) => bytes + bytesOf(tensor), 0), 0);
  const rows = prepared.reduce((sum, item) => sum + item.rows, 0);
  const outputs = spec.signature.outputs.reduce((sum, output) => sum + rows * rowSizeOf(output.shape.map((dim) => Math.abs(dim))) * layoutOf(output.dtype).bytes, 0);
  return MEMORY_FACTOR * (inputs + outputs);
}

function checkWanted(call: Call, spec: ServingSpec): void {
  const known = spec.signature.outputs.map((output) => output.name);
  const unknown = call.outputs?.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw invalidInput(`Model ${spec.name} has no output ${unknown}; it has: ${known.join(', ')}.`, { path: `outputs.${unknown}`, expected: known.join(', '), got: unknown });
}

/** The outputs asked for, in the caller's order; all of them where none is named. */
function wantedOf(outputs: Tensor[], wanted: readonly string[] = []): Tensor[] {
  return wanted.length === 0 ? outputs : wanted.flatMap((name) => outputs.filter((output) => output.name === name));
}

const NOBODY = { name: '', version: '' };

function kindOf(item: Item | undefined): Kind {
  if (item?.text !== undefined) return 'text';
  return item?.pictures === undefined ? 'tensors' : 'picture';
}

const tooMany = (got: number, limit: number): InferenceError => new InferenceError('too_many_items', `The call holds ${String(got)} items; at most ${String(limit)} are taken at once.`);

function sameShape(prepared: readonly Prepared[]): boolean {
  const key = (item: Prepared): string => item.tensors.map((tensor) => `${tensor.name}:${tensor.shape.slice(1).join('x')}`).join(';');
  const [first] = prepared;
  return first !== undefined && prepared.every((item) => key(item) === key(first));
}

function takeApart(outputs: readonly Tensor[], prepared: readonly Prepared[]): Tensor[][] {
  let from = 0;
  return prepared.map((item) => {
    const to = from + item.rows;
    const own = outputs.map((output) => (rowsOf(output) === 1 && prepared.length === 1 ? output : sliceRows(output, from, to)));
    from = to;
    return own;
  });
}

function merge(runs: readonly BatchResult[]): BatchResult {
  const sum = (pick: (run: BatchResult) => number): number => runs.reduce((total, run) => total + pick(run), 0);
  return { outputs: [], queueMs: sum((run) => run.queueMs), computeMs: sum((run) => run.computeMs), batchMs: sum((run) => run.batchMs) };
}
