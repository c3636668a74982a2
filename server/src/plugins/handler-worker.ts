// Entry of the thread that runs a package's handlers, one call at a time. It holds no model, no native code and no environment, so that it
// can be ended at any moment. Must not trust what handlers give back.
import { parentPort, workerData } from 'node:worker_threads';
import { pathToFileURL } from 'node:url';
import type { Tensor } from '../inference/tensor.ts';
import { postprocess } from '../pipeline/postprocess.ts';
import { fence } from './fence.ts';
import { HANDLERS, MAX_RETURNED_BYTES, MAX_RETURNED_JSON, type HandlerCall, type HandlerContext, type HandlerModule, type HandlerReply, type HandlerSettings, type HandlerStart, type PreprocessResult } from './handler-api.ts';

const port = parentPort;
if (port === null) throw new Error('handler-worker.ts runs in a worker thread only');

/** JavaScript's own errors are bugs of the handler; others it threw on purpose. */
const BUGS = [TypeError, ReferenceError, RangeError, SyntaxError, EvalError, URIError];

class BadReturn extends TypeError {}

async function start({ folder, file }: HandlerSettings): Promise<HandlerModule> {
  fence(folder);
  const module = (await import(pathToFileURL(file).href)) as HandlerModule;
  const given = HANDLERS.filter((name) => module[name] !== undefined);
  const odd = given.find((name) => typeof module[name] !== 'function');
  if (odd !== undefined) throw new TypeError(`${odd} is exported, but is no function`);
  if (given.length === 0) throw new TypeError('it exports neither preprocess nor postprocess');
  return module;
}

async function run(module: HandlerModule, call: HandlerCall): Promise<HandlerReply> {
  const { handler, value } = call;
  try {
    const result: unknown = await module[handler]?.(value as never, contextOf(call));
    if (handler === 'postprocess') return { ok: true, json: toJson(result) };
    const { tensors, pictures, ...plain } = asRequest(result);
    checkBytes([...Object.values(tensors ?? {}).map((tensor) => tensor.data), ...(pictures ?? [])]);
    return { ok: true, json: toJson(plain), binary: { ...(tensors === undefined ? {} : { tensors }), ...(pictures === undefined ? {} : { pictures }) } };
  } catch (error) {
    return failure(error);
  }
}

/** What the package's declared postprocessing makes of the outputs is made here, off the event loop. */
function contextOf({ handler, value, context, spec }: HandlerCall): HandlerContext {
  if (handler !== 'postprocess' || spec === undefined) return context;
  const outputs = Object.entries(value as Record<string, Omit<Tensor, 'name'>>).map(([name, tensor]) => ({ name, ...tensor }));
  return { ...context, predictions: postprocess(spec, outputs, false).predictions };
}

/** An error that is no bug is the caller's to read; one without a class is nobody's. */
function failure(thrown: unknown): HandlerReply {
  if (!(thrown instanceof Error)) return { ok: false, own: false, message: `it threw ${typeof thrown}` };
  const own = !BUGS.some((type) => thrown instanceof type);
  return { ok: false, own, message: own || thrown instanceof BadReturn ? thrown.message : `${thrown.name}: ${thrown.message}` };
}

function asRequest(result: unknown): PreprocessResult {
  const keys = ['inputs', 'text', 'pictures', 'tensors'];
  if (typeof result !== 'object' || result === null || Array.isArray(result)) throw new BadReturn(`expected an object with one of ${keys.join(', ')}, got ${Array.isArray(result) ? 'a list' : result === null ? 'null' : typeof result}`);
  const got = Object.keys(result);
  if (got.length !== 1 || !keys.includes(got[0] ?? '')) throw new BadReturn(`expected an object with one of ${keys.join(', ')}, got one with ${got.join(', ') || 'nothing'}`);
  return result;
}

function toJson(value: unknown): string {
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined) throw new BadReturn(`expected a value that JSON has, got ${typeof value}`);
  if (json.length > MAX_RETURNED_JSON) throw new BadReturn(`expected at most ${String(MAX_RETURNED_JSON)} characters of JSON, got ${String(json.length)}`);
  return json;
}

function checkBytes(parts: readonly unknown[]): void {
  const bytes = parts.reduce((sum: number, part) => sum + (ArrayBuffer.isView(part) ? part.byteLength : 0), 0);
  if (bytes > MAX_RETURNED_BYTES) throw new BadReturn(`expected at most ${String(MAX_RETURNED_BYTES)} bytes of tensors, got ${String(bytes)}`);
}

/** What cannot be copied to another thread (a function, a promise) is told like any other wrong value. */
function send(reply: HandlerReply): void {
  try {
    port?.postMessage(reply);
  } catch (error) {
    port?.postMessage({ ok: false, own: false, message: `expected plain values, got one that cannot be copied: ${(error as Error).message}` } satisfies HandlerReply);
  }
}

try {
  const module = await start(workerData as HandlerSettings);
  port.on('message', (call: HandlerCall) => void run(module, call).then(send));
  port.postMessage({ ready: HANDLERS.filter((name) => module[name] !== undefined) } satisfies HandlerStart);
} catch (error) {
  port.postMessage({ failed: (error as Error).message } satisfies HandlerStart);
}
