// Owns where a body is parsed and printed: small ones here, large ones in a worker thread that is started when the first comes.
// A worker that ends fails only the bodies it held.
import { Worker } from 'node:worker_threads';
import { fromRecord, InferenceError, type ErrorRecord } from '../../inference/errors.ts';
import { parseJson } from '../../http/json-body.ts';
import type { Registry } from '../../models/registry.ts';
import type { Call, CallResult } from '../../pipeline/call.ts';
import { decodeBatch, decodePredict, encodeBatch, encodePredict, type Answer, type ApiVersion, type Outside } from './codec.ts';
import { specTable, type SpecRow } from './spec-table.ts';

export type Kind = 'predict' | 'batch-predict';

export interface DecodeJob {
  kind: Kind;
  bytes: Uint8Array;
  outside: Outside;
  table: readonly SpecRow[];
  /** Bytes of memory the parsed body may take. */
  maxCost: number;
}

export interface EncodeJob {
  kind: Kind;
  version: ApiVersion;
  answer: Answer;
  result: CallResult;
}

export type BodyRequest = { id: number; op: 'decode'; job: DecodeJob } | { id: number; op: 'encode'; job: EncodeJob };
export type BodyReply = { id: number; ok: true; value: unknown } | { id: number; ok: false; error: ErrorRecord };

export interface BodiesOptions {
  registry: Registry;
  /** Bodies above this many bytes are parsed in the worker. */
  inlineBytes: number;
  maxHeapMb: number;
}

/** Of the worker's heap, for one body. */
const HEAP_SHARE = 0.6;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class Bodies {
  readonly #options: BodiesOptions;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #nextId = 0;

  constructor(options: BodiesOptions) {
    this.#options = options;
  }

  /** @throws InferenceError malformed_request, invalid_input, data_contract_violation */
  async decode(kind: Kind, bytes: Buffer, outside: Outside): Promise<Call> {
    if (bytes.byteLength <= this.#options.inlineBytes) {
      const body = parseJson(bytes.toString('utf8'));
      return kind === 'predict' ? decodePredict(body, outside) : decodeBatch(body, outside);
    }
    const own = new Uint8Array(bytes);
    const job: DecodeJob = { kind, bytes: own, outside, table: specTable(this.#options.registry), maxCost: this.#options.maxHeapMb * 1024 * 1024 * HEAP_SHARE };
    return (await this.#ask({ op: 'decode', job }, [own.buffer])) as Call;
  }

  async encode(job: EncodeJob): Promise<string | Buffer> {
    if (job.result.results.some((item) => item.deferred)) {
      const bytes = (await this.#ask({ op: 'encode', job }, [])) as Uint8Array;
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    const { kind, version, answer, result } = job;
    return JSON.stringify(kind === 'predict' ? encodePredict(result, version, answer) : encodeBatch(result, version, answer));
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #ask(request: { op: 'decode'; job: DecodeJob } | { op: 'encode'; job: EncodeJob }, transfer: ArrayBuffer[]): Promise<unknown> {
    const id = this.#nextId++;
    const worker = (this.#worker ??= this.#start());
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ ...request, id } satisfies BodyRequest, transfer);
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL('./body-worker.ts', import.meta.url), { resourceLimits: { maxOldGenerationSizeMb: this.#options.maxHeapMb } });
    worker.unref();
    worker.on('message', (reply: BodyReply) => {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if (reply.ok) waiting?.resolve(reply.value);
      else waiting?.reject(fromRecord(reply.error));
    });
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      this.#worker = undefined;
      const error = new InferenceError('worker_failed', 'The worker that parses bodies ended; it is started again.');
      for (const waiting of this.#waiting.values()) waiting.reject(error);
      this.#waiting.clear();
    });
    return worker;
  }
}
