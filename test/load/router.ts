// Owns the bench of the router against HAProxy, nginx (where installed) and a direct call: the same 90/10 split, an 80-byte JSON POST.
// The proxy has one core for itself; client and upstreams have others, or share one where there are but two. Rounds are interleaved and
// medians compared, since neighbours make noise; requests per CPU second of the proxy is the figure that neighbours disturb least. How much of
// the proxy's core others had is printed beside each: a p99 is the proxy's own only where that is little.
// Then each at 70 % of what its core can do (open loop: latency from the moment a request was due), and the memory of a held connection.
// In the end a verdict on each aim, or why it cannot be given here.
// Run: node tools/run.mjs test/load/router.ts [--rounds 5] [--seconds 3] [--only direct,router,haproxy,router1mb] [--cores 0,1,2]
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { anonMb, coreTimes, coresOf, cpuSeconds, file, has, helper, startTargets, stop } from './proxies.ts';
import type { Target } from './proxies.ts';
import { median, verdictsOf } from './verdicts.ts';
import type { Measured, OpenLoop, Run } from './verdicts.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '3' }, only: { type: 'string' }, cores: { type: 'string' } } });
const ROUNDS = Number(values.rounds);
const SECONDS = Number(values.seconds);
const CORES = coresOf(values.cores);
const LOAD_SHARE = 0.7;
const CONNECTIONS = [1, 32, 128];
const LANES = 64;
const HELD_CONNECTIONS = 1000;

const BODY = JSON.stringify({ text: 'not bad at all, I would watch it again with my whole family' }).padEnd(80, ' ');
/** Ends as every script here ends: one line of figures, with the answers that were not 200. */
const REPORT = `done = function(summary, latency, requests)
  local bad = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  io.write(string.format("RESULT %f %f %f %d\\n", summary.requests / (summary.duration / 1e6), latency:percentile(50), latency:percentile(99), bad))
end
`;
const PLAIN = `wrk.method = "POST"
wrk.body = '${BODY}'
wrk.headers["Content-Type"] = "application/json"
${REPORT}`;
/** The same request with a chunked body. */
const CHUNKED = `local text = "POST /predict HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: application/json\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n" ..
  string.format("%x\\r\\n", ${BODY.length}) .. '${BODY}' .. "\\r\\n0\\r\\n\\r\\n"
request = function() return text end
${REPORT}`;

/** What the script of wrk printed last. */
function resultOf(output: string): { rate: number; p50: number; p99: number; bad: number } {
  const [rate = 0, p50 = 0, p99 = 0, bad = 1] = (/RESULT (.*)/.exec(output)?.[1] ?? '').split(' ').map(Number);
  return { rate, p50, p99, bad };
}

/** Runs `work` while looking at the proxy's core; the CPU seconds that the target used, and the part of the core that others had. */
function watched<T>(target: Target, work: () => T): { result: T; seconds: number; others: number } {
  const [core, cpu] = [coreTimes(CORES.proxy), cpuSeconds(target)];
  const result = work();
  const [now, seconds] = [coreTimes(CORES.proxy), cpuSeconds(target) - cpu];
  const busy = now.busy - core.busy;
  return { result, seconds, others: target.pid === undefined ? 0 : Math.max(0, busy - seconds) / (busy + now.idle - core.idle) };
}

function wrk(target: Target, connections: number, script: string): Run {
  const args = ['-c', CORES.client, 'wrk', '-t1', `-c${connections}`, `-d${SECONDS}s`, '-s', script, `http://${target.host}:${target.port}/predict`];
  const { result: output, seconds, others } = watched(target, () => execFileSync('taskset', args, { encoding: 'utf8' }));
  const { rate, p50, p99, bad } = resultOf(output);
  if (bad > 0) throw new Error(`${target.name}: ${bad} bad answers\n${output}`);
  return { rate, p50, p99, perCore: seconds === 0 ? 0 : (rate * SECONDS) / seconds, anonMb: anonMb(target), others };
}

function openLoop(target: Target, rate: number): OpenLoop {
  const [core, started] = [coreTimes(CORES.client), performance.now()];
  const args = [path.join(import.meta.dirname, 'open-loop.ts'), target.host, target.port, Math.round(rate), SECONDS, LANES].map(String);
  const { result: output, seconds: cpu, others } = watched(target, () => execFileSync('taskset', ['-c', CORES.client, process.execPath, ...args], { encoding: 'utf8' }));
  const seconds = (performance.now() - started) / 1000;
  const [busy, idle] = [coreTimes(CORES.client).busy - core.busy, coreTimes(CORES.client).idle - core.idle];
  return { ...(JSON.parse(output) as Omit<OpenLoop, 'proxyBusy' | 'clientBusy' | 'others'>), proxyBusy: cpu / seconds, clientBusy: busy / (busy + idle), others };
}

/** Runs each target in turn, round after round; the median of each figure. */
function inTurns<T extends object>(targets: readonly Target[], run: (target: Target) => T): Map<string, T> {
  const runs = new Map<string, T[]>(targets.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) for (const target of targets) runs.get(target.name)?.push(run(target));
  return new Map([...runs].map(([name, all]) => [name, mediansOf(all)]));
}

function mediansOf<T extends object>(runs: readonly T[]): T {
  const keys = Object.keys(runs[0] ?? {}) as (keyof T)[];
  return Object.fromEntries(keys.map((key) => [key, median(runs.map((run) => Number(run[key])))])) as T;
}

/** Anonymous memory of a proxy per held connection, in KiB; `what` is idle or busy. */
async function perConnection(target: Target, what: string): Promise<number> {
  const before = anonMb(target);
  const child = helper(CORES.client, 'connections.ts', ['127.0.0.1', target.port, HELD_CONNECTIONS, what]);
  await new Promise<void>((resolve, reject) => child.once('exit', () => reject(new Error('the client ended'))).stdout?.once('data', () => resolve()));
  const held = anonMb(target) - before;
  child.removeAllListeners('exit').kill('SIGKILL');
  return (held * 1024) / HELD_CONNECTIONS;
}

// ---- tables

const NAME_WIDTH = 10;
const AIM_WIDTH = 66;

type Cell = string | number | undefined;

/** Aligned to the right, but for the name; a number comes with its places after the point. */
function row(name: string, cells: readonly (readonly [Cell, number, number?])[]): string {
  return name.padEnd(NAME_WIDTH) + cells.map(([cell, width, places = 0]) => (typeof cell === 'number' ? cell.toFixed(places) : (cell ?? '')).padStart(width)).join('');
}

const percent = (part: number): string => `${(part * 100).toFixed(0)} %`;
const unlessZero = (value: number): number | undefined => (value === 0 ? undefined : value);

function printRuns(title: string, results: ReadonlyMap<string, Run>): void {
  const [direct, haproxy] = [results.get('direct'), results.get('haproxy')];
  console.log(`\n${title}, median of ${ROUNDS} x ${SECONDS} s`);
  console.log('proxy         req/s   req per CPU s  of HAProxy    p50 us   added   p99 us   others   anon MB');
  for (const [name, run] of results) {
    const ratio = haproxy === undefined || run.perCore === 0 ? undefined : run.perCore / haproxy.perCore;
    const added = direct === undefined || name === 'direct' ? undefined : run.p50 - direct.p50;
    console.log(row(name, [[run.rate, 9], [unlessZero(run.perCore), 16], [ratio, 13, 2], [run.p50, 9], [added, 8], [run.p99, 9], [name === 'direct' ? undefined : percent(run.others), 9], [unlessZero(run.anonMb), 10, 1]]));
  }
}

function printOpenLoops(results: ReadonlyMap<string, OpenLoop>, rateOf: (name: string) => number): void {
  console.log(`\nopen loop at ${LOAD_SHARE * 100} % of the requests that one core of each can do at 32 connections, median of ${ROUNDS} x ${SECONDS} s`);
  console.log('proxy         req/s    p50 us   p99 us   unanswered   proxy busy   others   client\'s core busy   client late p99 us');
  for (const [name, run] of results) {
    console.log(row(name, [[rateOf(name), 9], [run.p50, 10], [run.p99, 9], [run.unanswered + run.bad, 13], [percent(run.proxyBusy), 13], [percent(run.others), 9], [percent(run.clientBusy), 21], [run.late99, 21]]));
  }
}

async function memory(targets: readonly Target[]): Promise<void> {
  console.log(`\nmemory of ${HELD_CONNECTIONS} held connections, KiB each`);
  console.log('proxy            idle      busy');
  for (const target of targets) console.log(row(target.name, [[await perConnection(target, 'idle'), 10, 1], [await perConnection(target, 'busy'), 10, 1]]));
}

// ---- the whole

async function main(): Promise<void> {
  for (const program of ['wrk', 'haproxy', 'taskset']) if (!has(program)) throw new Error(`this bench needs ${program}`);
  console.log(`cores: proxy ${CORES.proxy}, upstreams ${CORES.upstream}, client ${CORES.client}`);
  const targets = await startTargets(CORES, values.only?.split(','));
  const proxies = targets.filter(({ pid }) => pid !== undefined);
  const [plain, chunked] = [file('plain.lua', PLAIN), file('chunked.lua', CHUNKED)];
  for (const target of targets) wrk(target, 32, plain);
  const runs = new Map(CONNECTIONS.map((connections) => [connections, inTurns(targets, (target) => wrk(target, connections, plain))]));
  for (const [connections, results] of runs) printRuns(`${connections} connection${connections === 1 ? '' : 's'}`, results);
  printRuns('32 connections, chunked bodies', inTurns(proxies, (target) => wrk(target, 32, chunked)));
  const rateOf = (name: string): number => LOAD_SHARE * (runs.get(32)?.get(name)?.perCore ?? 0);
  const openLoops = inTurns(proxies, (target) => openLoop(target, rateOf(target.name)));
  printOpenLoops(openLoops, rateOf);
  await memory(proxies);
  printVerdicts({ runs, openLoops });
}

function printVerdicts(measured: Measured): void {
  console.log(`\n${'aim'.padEnd(AIM_WIDTH)}  measured   verdict`);
  for (const { aim, figure, verdict } of verdictsOf(measured)) console.log(`${aim.padEnd(AIM_WIDTH)}${(figure?.toFixed(2) ?? '-').padStart(10)}   ${verdict}`);
}

try {
  await main();
} finally {
  stop();
}
