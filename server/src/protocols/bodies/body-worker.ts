// The worker thread that parses and prints large bodies: the one visible list of its jobs. Must not hold models.
import { parentPort } from 'node:worker_threads';
import { asInferenceError, toRecord } from '../../inference/errors.ts';
import { INSTANCES_JOBS } from '../instances/body-jobs.ts';
import { NATIVE_JOBS } from '../native/body-jobs.ts';
import { TFSERVING_JOBS } from '../tfserving/body-jobs.ts';
import { V2_JOBS } from '../v2/body-jobs.ts';
import type { BodyReply, BodyRequest, Done } from './thread.ts';

const port = parentPort;
if (port === null) throw new Error('body-worker.ts runs in a worker thread only');

const JOBS: Readonly<Record<string, (value: never) => Done>> = { ...NATIVE_JOBS, ...V2_JOBS, ...TFSERVING_JOBS, ...INSTANCES_JOBS };

function handle(request: BodyRequest): { reply: BodyReply; transfer: ArrayBuffer[] } {
  try {
    const job = JOBS[request.job];
    if (job === undefined) throw new RangeError(`there is no job ${request.job}`);
    const { value, transfer } = job(request.value as never);
    return { reply: { id: request.id, ok: true, value }, transfer };
  } catch (error) {
    return { reply: { id: request.id, ok: false, error: toRecord(asInferenceError(error)) }, transfer: [] };
  }
}

port.on('message', (request: BodyRequest) => {
  const { reply, transfer } = handle(request);
  port.postMessage(reply, [...new Set(transfer)]);
});
