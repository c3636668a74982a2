// The worker thread that parses and prints large bodies: the one visible list of its jobs. Must not hold models.
import { parentPort, workerData } from 'node:worker_threads';
import { INSTANCES_JOBS } from '../instances/body-jobs.ts';
import { NATIVE_JOBS } from '../native/body-jobs.ts';
import { TFSERVING_JOBS } from '../tfserving/body-jobs.ts';
import { V2_JOBS } from '../v2/body-jobs.ts';
import { checkCost } from './cost.ts';
import { refusedBy, type Job, type Jobs } from './job.ts';
import type { BodyReply, BodyRequest, BodyWorkerData, Verdict } from './thread.ts';

const port = parentPort;
if (port === null) throw new Error('body-worker.ts runs in a worker thread only');

const JOBS: Jobs = { ...NATIVE_JOBS, ...V2_JOBS, ...TFSERVING_JOBS, ...INSTANCES_JOBS };
const { maxCost } = workerData as BodyWorkerData;

/** Weighed, and waiting for memory. */
const held = new Map<number, () => void>();

const reply = (given: BodyReply, transfer: ArrayBuffer[] = []): void => {
  port.postMessage(given, [...new Set(transfer)]);
};

function attempt(id: number, work: () => void): void {
  try {
    work();
  } catch (error) {
    reply({ id, ok: false, error: refusedBy(error) });
  }
}

function take({ id, job: name, value }: BodyRequest): void {
  const job = JOBS[name] as Job<unknown> | undefined;
  if (job === undefined) throw new RangeError(`there is no job ${name}`);
  const run = (): void => {
    const done = job.run(value);
    reply({ id, ok: true, value: done.value }, done.transfer);
  };
  const cost = job.weigh?.(value, maxCost) ?? 0;
  checkCost(cost, maxCost);
  if (cost === 0) {
    run();
    return;
  }
  held.set(id, run);
  reply({ id, cost });
}

function decide({ id, admitted }: Verdict): void {
  const run = held.get(id);
  held.delete(id);
  if (admitted) run?.();
}

port.on('message', (message: BodyRequest | Verdict) => {
  attempt(message.id, () => {
    if ('job' in message) take(message);
    else decide(message);
  });
});
