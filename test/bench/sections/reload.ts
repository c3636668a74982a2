// The section that reloads a model again and again beside a steady load: whether a call fails, what its latency becomes, what memory stays.
// The floor beside it: the same load while processes that do nothing take as much CPU as the reloads took. What exceeds it is the server's own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { serveSlipway } from '../contenders.ts';
import { drive, load, watched, type Target } from '../measure.ts';
import type { LoadResult } from '../load/plan.ts';
import { rssMib } from '../processes.ts';
import { v2Request } from '../requests.ts';
import type { Reload, Steadily } from '../results.ts';
import { AIM_CONCURRENCY, taskOf, type Bench } from './load.ts';

/** Of the capacity. */
const RELOAD_SHARE = 0.5;
/** Reloads between two looks at the memory. */
const LOOK_EVERY = 20;
const CONNECTIONS = 64;
/** The load ends with the last reload; this only ends it if that never comes. */
const LONGEST_SECONDS = 3600;

/** One ONNX model and one of TensorFlow: memory is their runtimes' matter. */
const MODELS = ['mlp', 'digits'] as const;

interface Reloaded {
  ms: number[];
  memory: Reload['memory'];
}

/** Loads the version that serves once more over the admin port; answered when the old one is unloaded. @throws Error with the server's words */
async function reload(adminPort: number, name: string, folder: string): Promise<void> {
  const version = path.basename(folder);
  const answer = await fetch(`http://127.0.0.1:${adminPort}/models`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name, url: folder, version }) });
  if (!answer.ok) throw new Error(`reload of ${name}: ${await answer.text()}`);
  await answer.arrayBuffer();
}

const steadily = ({ answered, bad, unanswered, p50, p99 }: LoadResult): Steadily => ({ requests: answered + bad + unanswered, failed: bad + unanswered, p50, p99 });

type Watched = Awaited<ReturnType<typeof watched>>;

/** CPUs that the server took, on average. */
const cpusOf = ({ used, result }: Watched): number => used / result.seconds;

const BUSY = path.resolve(import.meta.dirname, '..', 'floors', 'busy.ts');

/** Does something while so many CPUs are taken. */
async function besides<T>(cpus: number, work: () => Promise<T>): Promise<T> {
  const shares = Array.from({ length: Math.ceil(cpus) }, () => cpus / Math.ceil(cpus));
  const busy = shares.map((share) => spawn(process.execPath, [BUSY, String(share)], { stdio: ['ignore', 'pipe', 'inherit'] }));
  try {
    await Promise.all(busy.map(({ stdout }) => once(stdout, 'data'))); // their own start is no part of it
    return await work();
  } finally {
    for (const each of busy) each.kill();
  }
}

async function reloadsOf(bench: Bench, work: (typeof MODELS)[number]): Promise<Reload> {
  const { settings, scratch, note } = bench;
  const task = taskOf(work, scratch);
  const folder = task.model.endsWith('.onnx') ? path.dirname(task.model) : task.model;
  const served = await serveSlipway(task);
  const target: Target = { name: 'slipway', served, request: v2Request(work, 'json'), wire: 'http', scratch };
  try {
    const capacity = await drive(target, { concurrency: AIM_CONCURRENCY, seconds: settings.seconds, warmup: settings.warmup });
    const rate = RELOAD_SHARE * capacity.rate;
    const open = { concurrency: CONNECTIONS, warmup: settings.warmup, rate };
    const without = await watched(target, { ...open, seconds: settings.seconds * settings.rounds });
    const endless = { ...open, seconds: LONGEST_SECONDS };
    const first = await load(target, endless, () => reload(served.adminPort, work, folder));
    const seen: Reloaded = { ms: [], memory: [] };
    const all = async (): Promise<void> => {
      for (let count = 1; count <= settings.reloads; count++) {
        const began = performance.now();
        await reload(served.adminPort, work, folder);
        seen.ms.push(performance.now() - began);
        if (count % LOOK_EVERY !== 0) continue;
        seen.memory.push({ reloads: count, rssMib: rssMib(served.pid) });
        note(`${work}: ${count} reloads, ${seen.memory.at(-1)?.rssMib.toFixed(0)} MiB`);
      }
    };
    const during = await watched(target, endless, all);
    const cpus = Math.max(0, cpusOf(during) - cpusOf(without));
    // It is the same all the time: where reloads took an instant, a longer look says more.
    const busy = await besides(cpus, () => load(target, { ...open, seconds: Math.max(during.result.seconds, settings.seconds) }));
    return { work, reloads: settings.reloads, rate, without: steadily(without.result), first: steadily(first), during: steadily(during.result), busy: { ...steadily(busy), cpus }, ...seen };
  } finally {
    await served.stop();
  }
}

export async function reloads(bench: Bench): Promise<Reload[]> {
  const all: Reload[] = [];
  for (const work of MODELS) all.push(await reloadsOf(bench, work));
  return all;
}
