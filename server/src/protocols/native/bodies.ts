// Owns where a body of the native API is parsed and printed: small ones here, large ones in the body thread.
import { parseJson } from '../../http/json-body.ts';
import type { Registry } from '../../models/registry.ts';
import type { Call } from '../../pipeline/call.ts';
import type { Soon } from '../../pipeline/soon.ts';
import { bufferOf, movableBytes, movableResult } from '../bodies/memory.ts';
import type { BodyThread } from '../bodies/thread.ts';
import { DECODE, ENCODE, type DecodeJob, type EncodeJob, type Kind } from './body-jobs.ts';
import { decodeBatch, decodePredict, encodeBatch, encodePredict, type Outside } from './codec.ts';
import { specTable } from './spec-table.ts';

export interface BodiesOptions {
  registry: Registry;
  thread: BodyThread;
  /** Bodies above this many bytes are parsed in the thread. */
  inlineBytes: number;
}

export class Bodies {
  readonly #options: BodiesOptions;

  constructor(options: BodiesOptions) {
    this.#options = options;
  }

  /** @throws InferenceError malformed_request, invalid_input, data_contract_violation */
  decode(kind: Kind, bytes: Buffer, outside: Outside): Soon<Call> {
    const { inlineBytes, registry, thread } = this.#options;
    if (bytes.byteLength <= inlineBytes) {
      const body = parseJson(bytes.toString('utf8'));
      return kind === 'predict' ? decodePredict(body, outside) : decodeBatch(body, outside);
    }
    const own = movableBytes(bytes);
    const job: DecodeJob = { kind, bytes: own, outside, table: specTable(registry) };
    return thread.ask(DECODE, job, [own.buffer]) as Promise<Call>;
  }

  encode(job: EncodeJob): Soon<string | Buffer> {
    if (job.result.results.some((item) => item.deferred)) return this.#encodeElsewhere(job);
    const { kind, version, answer, result } = job;
    return JSON.stringify(kind === 'predict' ? encodePredict(result, version, answer) : encodeBatch(result, version, answer));
  }

  async #encodeElsewhere(job: EncodeJob): Promise<Buffer> {
    const { value: moved, transfer } = movableResult(job.result);
    const bytes = (await this.#options.thread.ask(ENCODE, { ...job, result: moved } satisfies EncodeJob, transfer)) as Uint8Array;
    return bufferOf(bytes);
  }
}
