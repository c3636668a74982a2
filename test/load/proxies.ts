// Owns what the bench of the router measures: two upstreams, and in front of them the router, HAProxy and nginx (where installed), each on
// the proxy's core with the same 90/10 split. Must not know how they are measured. Everything started here is ended by `stop`.
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { freePort } from '../../tools/free-port.ts';

/** Lists for `taskset`. The proxy has a core for itself; upstreams and client share one where there are but two. */
export interface Cores {
  proxy: string;
  upstream: string;
  client: string;
}

export interface Target {
  name: string;
  host: string;
  port: number;
  /** Process whose CPU time counts; none for the direct call. */
  pid: number | undefined;
}

const UPSTREAMS = ['127.2.0.1', '127.2.0.2'] as const;
const LOCAL = '127.0.0.1';
const CLOCK_TICKS = 100;
/** Columns of a core's line in /proc/stat: user, nice, system, irq, softirq and steal; idle and iowait. */
const BUSY_FIELDS = [0, 1, 2, 5, 6, 7];
const IDLE_FIELDS = [3, 4];
/** Megabytes of the router's young generation, as in the image (tools/images/spec.ts). */
const YOUNG_MB = 4;

const folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-bench-'));
const children: ChildProcess[] = [];

export function coresOf(chosen: string | undefined): Cores {
  const [proxy = '0', ...others] = chosen?.split(',') ?? os.cpus().map((_, index) => String(index));
  const [upstream = proxy, client = upstream] = others;
  return { proxy, upstream, client };
}

export function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
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

/** Starts a program on a core and resolves when its port accepts. */
async function start(core: string, command: string[], host: string, port: number): Promise<ChildProcess> {
  const child = spawn('taskset', ['-c', core, ...command], { stdio: ['ignore', 'ignore', 'inherit'] });
  children.push(child);
  for (let tries = 0; tries < 400; tries++) {
    if (await accepts(host, port)) return child;
    if (child.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${command[0] ?? ''} did not listen on ${host}:${port}`);
}

/** Writes a file that is gone after the bench. */
export function file(name: string, text: string): string {
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
  bind ${LOCAL}:${port}
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
  server { listen ${LOCAL}:${port}; keepalive_requests 1000000;
    location / { proxy_pass http://$pool; proxy_http_version 1.1; proxy_set_header Connection ""; } } }
`;

type Command = (port: number, upstream: number) => string[];

const router = (youngMb: number): Command => (port, upstream) =>
  [process.execPath, `--max-semi-space-size=${youngMb}`, path.join(import.meta.dirname, 'router-process.ts'), String(port), String(upstream), ...UPSTREAMS];

/** The proxies by name: how each is started on a port in front of the upstreams' port. */
const PROXIES: Record<string, Command> = {
  router: router(YOUNG_MB),
  haproxy: (port, upstream) => ['haproxy', '-db', '-f', file('haproxy.cfg', haproxyConfig(port, upstream))],
  nginx: (port, upstream) => ['nginx', '-c', file('nginx.conf', nginxConfig(port, upstream))],
};

/** Measured only when they are named: what the size of the young generation does. */
const VARIANTS: Record<string, Command> = { router1mb: router(1), router16mb: router(16) };

/** Starts everything; `only`: names of the targets wanted, the direct call among them. */
export async function startTargets(cores: Cores, only: readonly string[] | undefined): Promise<Target[]> {
  const upstream = await freePort();
  await start(cores.upstream, ['haproxy', '-db', '-f', file('upstream.cfg', upstreamConfig(upstream))], UPSTREAMS[0], upstream);
  const targets: Target[] = [{ name: 'direct', host: UPSTREAMS[0], port: upstream, pid: undefined }];
  for (const [name, command] of Object.entries({ ...PROXIES, ...VARIANTS })) {
    const wanted = only === undefined ? name in PROXIES : only.includes(name);
    if (!wanted || (name === 'nginx' && !has('nginx'))) continue;
    const port = await freePort();
    targets.push({ name, host: LOCAL, port, pid: (await start(cores.proxy, command(port, upstream), LOCAL, port)).pid });
  }
  return targets.filter(({ name }) => only?.includes(name) ?? true);
}

/** CPU seconds that the target's process has used; 0 where there is none. */
export function cpuSeconds({ pid }: Target): number {
  if (pid === undefined) return 0;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

/** Anonymous memory of the target's process, in MiB. */
export function anonMb({ pid }: Target): number {
  return pid === undefined ? 0 : Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

/** Seconds that a core has been busy and idle since the machine started, whoever used it. */
export function coreTimes(core: string): { busy: number; idle: number } {
  const line = new RegExp(`^cpu${core} (.*)$`, 'm').exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '';
  const ticks = line.split(' ').map(Number);
  const sum = (fields: readonly number[]): number => fields.reduce((total, field) => total + (ticks[field] ?? 0), 0) / CLOCK_TICKS;
  return { busy: sum(BUSY_FIELDS), idle: sum(IDLE_FIELDS) };
}

/** Starts a helper program of the bench that prints a line when it is ready. */
export function helper(core: string, program: string, args: readonly (string | number)[]): ChildProcess {
  const child = spawn('taskset', ['-c', core, process.execPath, path.join(import.meta.dirname, program), ...args.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return child;
}

export function stop(): void {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
