// Entry of a worker in a process of its own (`isolation: process`). It lives as long as the server: SIGTERM and Ctrl-C are the server's
// business, which still wants answers then; when the server is gone, so is this process, even in the middle of a run.
import { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import type { WorkerRequest, WorkerSettings } from './backend.ts';
import { FrameLink } from './frames.ts';
import { startWorker } from './worker-loop.ts';

const CALLS_FD = 3;

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);

// A thread of its own: a native run blocks this one, and may take long.
new Worker(new URL('./guard.ts', import.meta.url), { execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 16 } });

const pipe = new Socket({ fd: CALLS_FD, readable: true, writable: true });
pipe.once('close', () => process.exit(0));
pipe.on('error', () => undefined);

const settings = JSON.parse(process.argv[2] ?? '{}') as WorkerSettings;
const handle = startWorker(settings, (reply) => {
  link.send(reply);
});
const link = new FrameLink(pipe, (message) => {
  handle(message as WorkerRequest);
});
