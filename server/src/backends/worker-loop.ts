// What a worker does with the native tensors of its models, in a thread or in a process of its own: answers load, run, decode, unload and
// stats, one at a time. Must not know HTTP, packages or batching policy, nor what carries its messages, nor whose turn it is.
import { flushCompileCache } from 'node:module';
import { LoadError, runtimeOf, type Backend, type BackendModel, type ImageJob, type LoadRequest, type RuntimeKind, type WorkerCalls, type WorkerFault, type WorkerReply, type WorkerRequest, type WorkerSettings } from './backend.ts';
import { InferenceError, toRecord } from '../inference/errors.ts';
import { present } from '../inference/optional.ts';
import { concatRows, type Tensor } from '../inference/tensor.ts';

/** What failed runs may leave behind before the worker asks to be replaced. */
const WORN_BYTES = 32 * 1024 * 1024;

export type Answer = (reply: WorkerReply, transfer: ArrayBuffer[]) => void;

let settings: WorkerSettings = { allowSlowBackend: false };
let backend: Promise<Backend> | undefined;
/** By the number that the server gave each. */
const models = new Map<number, BackendModel>();
/** What failed runs of models that are gone left behind. */
let leftBytes = 0;

/** Loaded on first use: who serves ONNX only never pays for TensorFlow, and the other way round. */
const RUNTIMES: Record<RuntimeKind, () => Promise<Backend>> = {
  tensorflow: async () => (await import('./tensorflow.ts')).openRuntime(settings),
  onnx: async () => (await import('./onnx.ts')).openOnnx(),
};

function open(kind: RuntimeKind): Promise<Backend> {
  backend ??= RUNTIMES[kind]();
  return backend;
}

function opened(): Promise<Backend> {
  if (backend === undefined) throw new Error('the worker was not started');
  return backend;
}

async function load(request: LoadRequest, id: number): Promise<WorkerCalls['load']['value']> {
  const model = await (await open(runtimeOf(request.format))).load(request);
  models.set(id, model);
  return { signature: model.signature, ...present({ others: model.others }), bytes: model.bytes, maxInt64: model.maxInt64 };
}

async function run({ parts, signature }: WorkerCalls['run']['payload'], id: number): Promise<WorkerCalls['run']['value']> {
  const model = models.get(id);
  if (model === undefined) throw new Error('no model is loaded');
  const names = parts[0]?.map((tensor) => tensor.name) ?? [];
  const inputs = names.map((_, index) => concatRows(parts.map((part) => part[index] as Tensor)));
  const started = performance.now();
  const outputs = await model.run(inputs, signature);
  return { outputs, computeMs: performance.now() - started };
}

async function unload(id: number): Promise<null> {
  const old = models.get(id);
  models.delete(id);
  leftBytes += old?.lostBytes ?? 0;
  await old?.dispose();
  return null;
}

/** Whether failed runs left so much behind that a new worker should take over. */
function isWorn(): boolean {
  let bytes = leftBytes;
  for (const { lostBytes = 0 } of models.values()) bytes += lostBytes;
  return bytes > WORN_BYTES;
}

const OPS: { [Op in keyof WorkerCalls]: (payload: never, model: number) => WorkerCalls[Op]['value'] | Promise<WorkerCalls[Op]['value']> } = {
  start: async (kind: RuntimeKind) => (await open(kind)).info,
  load,
  run,
  decode: async (job: ImageJob) => (await opened()).decode(job),
  unload: (_, model) => unload(model),
  stats: async () => {
    (globalThis as { gc?: () => void }).gc?.(); // only where --expose-gc asks for it: leak tests count what is held, not what may go
    return (await opened()).stats();
  },
};

function faultOf(thrown: unknown): WorkerFault {
  if (thrown instanceof LoadError) return { kind: 'load', reason: thrown.reason, message: thrown.message };
  if (thrown instanceof InferenceError) return { kind: 'inference', record: toRecord(thrown) };
  return { kind: 'bug', message: thrown instanceof Error ? thrown.message : String(thrown) };
}

/** Numbers leave as transferred memory, never copied. */
function transferables(value: unknown): ArrayBuffer[] {
  const outputs = (value as { outputs?: Tensor[] } | null)?.outputs ?? [];
  return outputs.flatMap((tensor) => (Array.isArray(tensor.data) ? [] : [tensor.data.buffer as ArrayBuffer]));
}

async function replyTo({ id, op, model, payload }: WorkerRequest): Promise<WorkerReply> {
  try {
    return { id, ok: true, value: await OPS[op](payload as never, model) };
  } catch (error) {
    return { id, ok: false, error: faultOf(error), worn: isWorn() };
  }
}

/**
 * Starts the one worker of this thread or process.
 * @returns takes a request; its answer comes by `answer`. One at a time: an asynchronous run (control flow) must not interleave with the next.
 */
export function startWorker(given: WorkerSettings, answer: Answer): (request: WorkerRequest) => void {
  settings = given;
  let last: Promise<void> = Promise.resolve();
  return (request) => {
    last = last.then(async () => {
      const reply = await replyTo(request);
      answer(reply, reply.ok ? transferables(reply.value) : []);
      // Not at its end only, which may be a SIGKILL: the next worker, that of the first reload, begins beside calls.
      if (request.op === 'start' && reply.ok) flushCompileCache();
    });
  };
}
