// Owns the bench of the router against HAProxy, nginx (where installed) and a direct call: the same 90/10 split, an 80-byte JSON POST.
// The proxy has one core, wrk and the upstreams another. Rounds are interleaved and medians compared, since neighbours make noise;
// requests per CPU second of the proxy is the figure that neighbours disturb least.
// Then the same at 70 % of what each did (open loop: latency from the moment a request was due), and the memory of a held connection.
// Run: node tools/run.mjs test/load/router.ts [--rounds 5] [--seconds 3] [--only router,haproxy] [--cores 0,1]
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '3' }, only: { type: 'string' }, cores: { type: 'string' } } });
const ROUNDS = Number(values.rounds);
const SECONDS = Number(values.seconds);
const CLOCK_TICKS = 100;
/** The proxy has the first, wrk and the upstreams the others. */
const [PROXY_CORE = '0', ...OTHERS] = values.cores?.split(',') ?? os.cpus().slice(0, 4).map((_, index) => String(index));
const OTHER_CORE = OTHERS.length === 0 ? PROXY_CORE : OTHERS.join(',');
const LOAD_SHARE = 0.7;
const HELD_CONNECTIONS = 1000;
const UPSTREAMS = ['127.2.0.1', '127.2.0.2'] as const;

interface Target {
  name: string;
  port: number;
  /** Process whose CPU time counts; none for the direct call. */
  pid: number | undefined;
}

interface Run {
  rate: number;
  p50: number;
  p99: number;
  /** Requests per CPU second of the proxy. */
  perCore: number;
  rssMb: number;
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-bench-'));
const children: ChildProcess[] = [];

function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a program on a core and resolves when its port accepts. */
async function start(core: string, command: string[], host: string, port: number): Promise<ChildProcess> {
  const child = spawn('taskset', ['-c', core, ...command], { stdio: ['ignore', 'ignore', 'inherit'] });
  children.push(child);
  for (let tries = 0; tries < 200; tries++) {
    if (await accepts(host, port)) return child;
    if (child.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${command[0] ?? ''} did not listen on ${host}:${port}`);
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, host, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

function file(name: string, text: string): string {
  const at = path.join(folder, name);
  writeFileSync(at, text);
  return at;
}

const HAPROXY_COMMON = `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 1s
  http-reuse always
`;

const upstreamConfig = (port: number): string => `${HAPROXY_COMMON}frontend up
${UPSTREAMS.map((host) => `  bind ${host}:${port}`).join('\n')}
  http-request return status 200 content-type application/json string '{"prediction":"positive","score":0.93,"modelVersion":"v1"}'
`;

const haproxyConfig = (port: number, target: number): string => `${HAPROXY_COMMON}frontend in
  bind 127.0.0.1:${port}
  default_backend all
backend all
  balance roundrobin
  server stable ${UPSTREAMS[0]}:${target} weight 90
  server canary ${UPSTREAMS[1]}:${target} weight 10
`;

const nginxConfig = (port: number, target: number): string => `worker_processes 1; master_process off; daemon off; pid ${folder}/nginx.pid; error_log stderr;
events { worker_connections 4096; }
http { access_log off;
  upstream stable { server ${UPSTREAMS[0]}:${target}; keepalive 128; }
  upstream canary { server ${UPSTREAMS[1]}:${target}; keepalive 128; }
  split_clients $request_id $pool { 10% canary; * stable; }
  server { listen 127.0.0.1:${port}; keepalive_requests 1000000;
    location / { proxy_pass http://$pool; proxy_http_version 1.1; proxy_set_header Connection ""; } } }
`;

async function startTargets(upstreamPort: number): Promise<Target[]> {
  const targets: Target[] = [{ name: 'direct', port: upstreamPort, pid: undefined }];
  const router = await freePort();
  const routerMain = path.join(import.meta.dirname, 'router-process.ts');
  const child = await start(PROXY_CORE, [process.execPath, '--max-semi-space-size=1', routerMain, String(router), String(upstreamPort), ...UPSTREAMS], '127.0.0.1', router);
  targets.push({ name: 'router', port: router, pid: child.pid });
  const haproxy = await freePort();
  const haproxyFile = file('haproxy.cfg', haproxyConfig(haproxy, upstreamPort));
  targets.push({ name: 'haproxy', port: haproxy, pid: (await start(PROXY_CORE, ['haproxy', '-db', '-f', haproxyFile], '127.0.0.1', haproxy)).pid });
  if (has('nginx')) {
    const nginx = await freePort();
    targets.push({ name: 'nginx', port: nginx, pid: (await start(PROXY_CORE, ['nginx', '-c', file('nginx.conf', nginxConfig(nginx, upstreamPort))], '127.0.0.1', nginx)).pid });
  }
  return values.only === undefined ? targets : targets.filter((t) => values.only?.split(',').includes(t.name));
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

const rssMb = (pid: number): number => Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

const BODY = JSON.stringify({ text: 'not bad at all, I would watch it again with my whole family' }).padEnd(80, ' ');
const SCRIPT = `wrk.method = "POST"
wrk.body = '${BODY}'
wrk.headers["Content-Type"] = "application/json"
done = function(summary, latency, requests)
  local bad = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  io.write(string.format("RESULT %f %f %f %d\\n", summary.requests / (summary.duration / 1e6), latency:percentile(50), latency:percentile(99), bad))
end
`;

/** CPU seconds that the target's process has used; 0 where there is none. */
const used = ({ pid }: Target): number => (pid === undefined ? 0 : cpuSeconds(pid));

/** What the script of wrk printed last. */
function resultOf(output: string): { rate: number; p50: number; p99: number; bad: number } {
  const [rate = 0, p50 = 0, p99 = 0, bad = 1] = (/RESULT (.*)/.exec(output)?.[1] ?? '').split(' ').map(Number);
  return { rate, p50, p99, bad };
}

function wrk(target: Target, connections: number, script: string): Run {
  const url = `http://${target.name === 'direct' ? UPSTREAMS[0] : '127.0.0.1'}:${target.port}/predict`;
  const before = used(target);
  const output = execFileSync('taskset', ['-c', OTHER_CORE, 'wrk', '-t1', `-c${connections}`, `-d${SECONDS}s`, '-s', script, url], { encoding: 'utf8' });
  const seconds = used(target) - before;
  const { rate, p50, p99, bad } = resultOf(output);
  if (bad > 0) throw new Error(`${target.name}: ${bad} bad answers\n${output}`);
  return { rate, p50, p99, perCore: seconds === 0 ? 0 : (rate * SECONDS) / seconds, rssMb: target.pid === undefined ? 0 : rssMb(target.pid) };
}

interface OpenLoop { answered: number; unanswered: number; bad: number; p50: number; p99: number }

function openLoop(target: Target, rate: number): OpenLoop {
  const host = target.name === 'direct' ? UPSTREAMS[0] : '127.0.0.1';
  const args = [path.join(import.meta.dirname, 'open-loop.ts'), host, target.port, Math.round(rate), SECONDS, 64].map(String);
  const output = execFileSync('taskset', ['-c', OTHER_CORE, process.execPath, ...args], { encoding: 'utf8' });
  return JSON.parse(output) as OpenLoop;
}

/** Anonymous memory of a proxy per held connection, in KiB; `what` is idle or busy. */
async function perConnection(target: Target, what: string): Promise<number> {
  const { pid } = target;
  if (pid === undefined) return 0;
  const before = rssMb(pid);
  const args = [path.join(import.meta.dirname, 'connections.ts'), '127.0.0.1', target.port, HELD_CONNECTIONS, what].map(String);
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await new Promise<void>((resolve, reject) => child.once('exit', () => reject(new Error('the client ended'))).stdout.once('data', () => resolve()));
  const held = rssMb(pid) - before;
  child.removeAllListeners('exit').kill('SIGKILL');
  return (held * 1024) / HELD_CONNECTIONS;
}

function underLoad(targets: Target[], capacity: Map<string, Run>): void {
  console.log(`\nopen loop at ${LOAD_SHARE * 100} % of each one's own requests/s at 32 connections, median of ${ROUNDS} x ${SECONDS} s`);
  console.log('proxy        req/s    p50 us   p99 us   unanswered');
  const proxies = targets.filter((target) => target.name !== 'direct');
  const runs = new Map<string, OpenLoop[]>(proxies.map((target) => [target.name, []]));
  const rateOf = (target: Target): number => LOAD_SHARE * (capacity.get(target.name)?.rate ?? 0);
  for (let round = 0; round < ROUNDS; round++) for (const target of proxies) runs.get(target.name)?.push(openLoop(target, rateOf(target)));
  for (const target of proxies) {
    const all = runs.get(target.name) ?? [];
    const of = (key: keyof OpenLoop): number => median(all.map((run) => run[key]));
    console.log([target.name.padEnd(9), rateOf(target).toFixed(0).padStart(9), of('p50').toFixed(0).padStart(10), of('p99').toFixed(0).padStart(9), String(of('unanswered') + of('bad')).padStart(13)].join(''));
  }
}

async function memory(targets: Target[]): Promise<void> {
  console.log(`\nmemory of ${HELD_CONNECTIONS} held connections, KiB each`);
  console.log('proxy           idle      busy');
  for (const target of targets.filter((each) => each.pid !== undefined)) {
    const cells = [await perConnection(target, 'idle'), await perConnection(target, 'busy')];
    console.log(target.name.padEnd(9) + cells.map((kib) => kib.toFixed(1).padStart(10)).join(''));
  }
}

function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function medianRun(runs: Run[]): Run {
  const of = (key: keyof Run): number => median(runs.map((r) => r[key]));
  return { rate: of('rate'), p50: of('p50'), p99: of('p99'), perCore: of('perCore'), rssMb: of('rssMb') };
}

function measure(targets: Target[], connections: number, script: string): Map<string, Run> {
  const runs = new Map<string, Run[]>(targets.map((t) => [t.name, []]));
  for (let round = 0; round < ROUNDS; round++) for (const target of targets) runs.get(target.name)?.push(wrk(target, connections, script));
  return new Map([...runs].map(([name, all]) => [name, medianRun(all)]));
}

function print(connections: number, results: Map<string, Run>): void {
  const direct = results.get('direct');
  const haproxy = results.get('haproxy');
  console.log(`\n${connections} connection${connections === 1 ? '' : 's'}, median of ${ROUNDS} x ${SECONDS} s`);
  console.log('proxy        req/s   req per CPU s  of HAProxy    p50 us   added   p99 us   anon MB');
  for (const [name, run] of results) {
    const ratio = haproxy === undefined || run.perCore === 0 ? '' : (run.perCore / haproxy.perCore).toFixed(2);
    const added = direct === undefined || name === 'direct' ? '' : (run.p50 - direct.p50).toFixed(0);
    const cells = [name.padEnd(9), run.rate.toFixed(0).padStart(9), (run.perCore === 0 ? '' : run.perCore.toFixed(0)).padStart(16), ratio.padStart(13), run.p50.toFixed(0).padStart(9)];
    console.log([...cells, added.padStart(8), run.p99.toFixed(0).padStart(9), (run.rssMb === 0 ? '' : run.rssMb.toFixed(1)).padStart(10)].join(''));
  }
}

async function main(): Promise<void> {
  for (const program of ['wrk', 'haproxy', 'taskset']) if (!has(program)) throw new Error(`this bench needs ${program}`);
  const upstreamPort = await freePort();
  await start(OTHER_CORE, ['haproxy', '-db', '-f', file('upstream.cfg', upstreamConfig(upstreamPort))], UPSTREAMS[0], upstreamPort);
  const targets = await startTargets(upstreamPort);
  const script = file('post.lua', SCRIPT);
  for (const target of targets) wrk(target, 32, script);
  const results = new Map([1, 32, 128].map((connections) => [connections, measure(targets, connections, script)]));
  for (const [connections, all] of results) print(connections, all);
  underLoad(targets, results.get(32) ?? new Map());
  await memory(targets);
}

try {
  await main();
} finally {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
