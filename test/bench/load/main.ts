// The load process of the bench: a process of its own, so that what it costs is not the servers'. `main.ts <plan as JSON>` prints
// `begin` when counting begins, then the result. Must not know which server it drives.
import { readFileSync } from 'node:fs';
import { grpcLanes } from './grpc-lane.ts';
import { httpLanes } from './http-lane.ts';
import { CLOSED, type Lane } from './lane.ts';
import { BEGIN, type LoadPlan, type LoadResult } from './plan.ts';

const TICK_MS = 1;
/** How long an open loop waits for the last answers. */
const LATE_MS = 3000;

const plan = JSON.parse(process.argv[2] ?? '') as LoadPlan;
const body = readFileSync(plan.bodyFile);
const tally = { latencies: [] as number[], bad: 0, firstBad: '', counting: false };

function lanes(): Promise<Lane[]> {
  const { port, path, headers, concurrency } = plan;
  return plan.wire === 'http' ? httpLanes({ port, path, headers, body }, concurrency) : grpcLanes({ port, path, headers, message: body }, concurrency);
}

function count(since: number, wrong: string | undefined): void {
  if (!tally.counting) return;
  if (wrong === undefined) tally.latencies.push((performance.now() - since) * 1000);
  else {
    tally.bad += 1;
    tally.firstBad ||= wrong;
  }
}

const enough = (): boolean => plan.calls !== undefined && tally.latencies.length + tally.bad >= plan.calls;

/** Every lane sends again as soon as it is answered. */
async function closedLoop(all: readonly Lane[]): Promise<void> {
  let stopped = false;
  let filled = (): void => undefined;
  const full = new Promise<void>((resolve) => (filled = resolve));
  let broken = 0;
  const run = (lane: Lane): void => {
    const since = performance.now();
    lane.send((wrong) => {
      count(since, wrong);
      if (enough()) filled();
      else if (wrong === CLOSED) broken += 1;
      else if (!stopped) run(lane);
      if (broken === all.length) filled();
    });
  };
  all.forEach(run);
  await pause(plan.warmup);
  begin();
  await Promise.race([full, ...(plan.calls === undefined ? [pause(plan.seconds)] : [])]);
  stopped = true;
  // Lanes that were lost before counting began would otherwise be seen nowhere.
  tally.bad = Math.max(tally.bad, broken);
  if (broken > 0) tally.firstBad ||= CLOSED;
}

/**
 * Sends what is due by the clock; latency counts from the moment a call was due, so that a slow server cannot hide its queue. Those of the
 * warm-up, in which this process is compiled too, do not count. Gives how many were due that do.
 */
async function openLoop(all: readonly Lane[], rate: number): Promise<number> {
  const free = [...all];
  const due: number[] = [];
  const first = Math.floor(rate * plan.warmup);
  let taken = 0;
  const send = (): void => {
    while (taken < due.length && free.length > 0) {
      const lane = free.pop() as Lane;
      const counts = taken >= first;
      const since = due[taken++] as number;
      lane.send((wrong) => {
        if (counts) count(since, wrong);
        free.push(lane);
        send();
      });
    }
  };
  const started = performance.now();
  let total = first + Math.floor(rate * plan.seconds);
  // Told to end: what is due by now is still sent and waited for.
  let ended = (plan.warmup + plan.seconds) * 1000;
  process.once('SIGTERM', () => {
    total = due.length;
    ended = performance.now() - started;
  });
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const now = performance.now();
      const until = Math.min(total, ((now - started) / 1000) * rate);
      for (let planned = due.length; planned < until; planned++) due.push(started + (planned * 1000) / rate);
      if (!tally.counting && due.length >= first) begin();
      send();
      if (first + tally.latencies.length + tally.bad < total && now - started < ended + LATE_MS) return;
      clearInterval(timer);
      resolve();
    }, TICK_MS);
  });
  return total - first;
}

const pause = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

let began = 0;
let cpu = process.cpuUsage();
function begin(): void {
  tally.counting = true;
  began = performance.now();
  cpu = process.cpuUsage();
  process.stdout.write(`${BEGIN}\n`);
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

const all = await lanes();
let due = 0;
if (plan.rate === undefined) await closedLoop(all);
else due = await openLoop(all, plan.rate);
const seconds = (performance.now() - began) / 1000;
tally.counting = false;
const { user, system } = process.cpuUsage(cpu);
const sorted = Float64Array.from(tally.latencies).sort();
const result: LoadResult = {
  answered: sorted.length,
  bad: tally.bad,
  unanswered: plan.rate === undefined ? 0 : due - sorted.length - tally.bad,
  seconds,
  p50: quantile(sorted as unknown as number[], 0.5),
  p99: quantile(sorted as unknown as number[], 0.99),
  clientCpu: (user + system) / 1e6 / seconds,
  firstBad: tally.firstBad,
};
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
