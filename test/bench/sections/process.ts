// The sections that look at the server as a process: event-loop delay under large bodies, memory over a million calls.
import path from 'node:path';
import { serveDiscard, serveSlipway, type Served } from '../contenders.ts';
import { drive, median, type Target } from '../measure.ts';
import { largeAnswer, largeMessage, largeRequest, v2Request } from '../requests.ts';
import { rssMib } from '../processes.ts';
import type { Delay, Steady } from '../results.ts';
import { taskOf, stopTargets, type Bench } from './load.ts';

const DELAY_PROBE = path.resolve(import.meta.dirname, '..', 'floors', 'event-loop-delay.ts');
const LARGE_BYTES = 10_000_000;
const PIECES = 20;
/** Large bodies of one round. */
const BODIES = 10;

/** Asks the probe inside the server; its answer is the last line that it printed. */
async function delayOf(served: Served): Promise<{ p50: number; p99: number; max: number }> {
  const { stdout } = served.child;
  if (stdout === null) throw new Error('the server has no output');
  const line = new Promise<string>((resolve) => {
    const look = (chunk: Buffer): void => {
      const found = /^\{"eventLoopDelayMs".*\}$/m.exec(chunk.toString())?.[0];
      if (found === undefined) return;
      stdout.off('data', look);
      resolve(found);
    };
    stdout.on('data', look);
  });
  process.kill(served.pid, 'SIGUSR2');
  return (JSON.parse(await line) as { eventLoopDelayMs: { p50: number; p99: number; max: number } }).eventLoopDelayMs;
}

/** One connection sends 10 MB after 10 MB, or asks for as much: who keeps the event loop free? */
export async function delays({ settings, scratch, note }: Bench): Promise<Delay[]> {
  const probe = ['--import', DELAY_PROBE];
  const json = largeRequest(LARGE_BYTES);
  const limits = { MAX_BATCH_ITEMS: '1000000', MAX_BATCH_SIZE: '1024' };
  const slipway = await serveSlipway(taskOf('mlp', scratch), probe, limits);
  const targets: Target[] = [
    { name: 'slipway', served: slipway, request: json, wire: 'http', scratch },
    { name: 'slipway/predict', served: slipway, request: largeAnswer(LARGE_BYTES), wire: 'http', scratch },
    { name: 'slipway/grpc', served: slipway, request: largeMessage(LARGE_BYTES, 'raw'), wire: 'grpc', scratch },
    { name: 'slipway/grpc-lists', served: slipway, request: largeMessage(LARGE_BYTES, 'typed'), wire: 'grpc', scratch },
    { name: 'discards', served: await serveDiscard(probe), request: json, wire: 'http', scratch },
  ];
  const seen: Delay[] = [];
  const measure = async (target: Target): Promise<void> => {
    await delayOf(target.served);
    const { rate, bad } = await drive(target, { concurrency: 1, seconds: 0, warmup: 0, calls: BODIES });
    if (bad > 0) throw new Error(`${target.name} refused ${bad} bodies`);
    const delay = await delayOf(target.served);
    note(`${target.name}: ${rate.toFixed(1)} bodies/s, delay p99 ${delay.p99.toFixed(1)} ms`);
    seen.push({ name: target.name, ...delay, bodies: rate });
  };
  try {
    for (let round = 0; round < settings.rounds; round++) for (const target of targets) await measure(target);
  } finally {
    await stopTargets(targets);
  }
  return targets.map(({ name }) => {
    const own = seen.filter((one) => one.name === name);
    const of = (key: 'p50' | 'p99' | 'max' | 'bodies'): number => median(own.map((one) => one[key]));
    return { name, p50: of('p50'), p99: of('p99'), max: of('max'), bodies: of('bodies') };
  });
}

/** Memory after every twentieth of many calls. */
export async function steadyMemory({ settings, scratch, note }: Bench): Promise<Steady> {
  const served = await serveSlipway(taskOf('mlp', scratch));
  const target: Target = { name: 'slipway', served, request: v2Request('mlp', 'json'), wire: 'http', scratch };
  const memory: Steady['memory'] = [];
  try {
    for (let piece = 1; piece <= PIECES; piece++) {
      const { bad } = await drive(target, { concurrency: 32, seconds: 0, warmup: 0, calls: settings.calls / PIECES });
      if (bad > 0) throw new Error(`${bad} calls failed`);
      memory.push({ calls: (piece * settings.calls) / PIECES, rssMib: rssMib(served.pid) });
      note(`${memory.at(-1)?.calls} calls: ${memory.at(-1)?.rssMib.toFixed(0)} MiB`);
    }
  } finally {
    await served.stop();
  }
  return { calls: settings.calls, memory };
}
