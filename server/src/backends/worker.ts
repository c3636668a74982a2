// Entry of a worker in a thread of the server's process. No logic of its own.
import { parentPort, workerData } from 'node:worker_threads';
import type { WorkerRequest, WorkerSettings } from './backend.ts';
import { startWorker } from './worker-loop.ts';

const port = parentPort;
if (port === null) throw new Error('worker.ts runs in a worker thread only');

const handle = startWorker(workerData as WorkerSettings, (reply, transfer) => {
  port.postMessage(reply, transfer);
});
port.on('message', (request: WorkerRequest) => {
  handle(request);
});
