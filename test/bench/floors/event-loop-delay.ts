// Loaded with --import into a server: on SIGUSR2 it prints the event-loop delay of the main thread since the last time, milliseconds, as
// one JSON line, and begins anew. The same for every server, and nothing of the server's own.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const RESOLUTION_MS = 1;
const NS_PER_MS = 1e6;

if (isMainThread) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  process.on('SIGUSR2', () => {
    const { max } = delay;
    const at = (percentile: number): number => delay.percentile(percentile) / NS_PER_MS;
    process.stdout.write(`${JSON.stringify({ eventLoopDelayMs: { p50: at(50), p99: at(99), max: max / NS_PER_MS } })}\n`);
    delay.reset();
  });
}
