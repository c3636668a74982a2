// Owns one measurement: a load process drives a server, whose CPU time and memory are read over the very time that counts; and rounds of
// it, in which the contenders take turns, so that drift of the machine hits all alike. Must not print.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import path from 'node:path';
import type { Served } from './contenders.ts';
import { BEGIN, type LoadPlan, type LoadResult } from './load/plan.ts';
import { cpuSeconds, rssMib } from './processes.ts';
import type { Request } from './requests.ts';

const LOAD = path.join(import.meta.dirname, 'load', 'main.ts');

/** Figures of one measurement, or medians of several. Times are microseconds. */
export interface Figures {
  /** Answers per second. */
  rate: number;
  /** Answers per CPU second of the server with all its processes. */
  perCpuSecond: number;
  p50: number;
  p99: number;
  rssMib: number;
  /** Wrong or missing answers. */
  bad: number;
  /** Share of a CPU that the load process took: near 1 it was the limit. */
  clientCpu: number;
}

export interface How {
  concurrency: number;
  seconds: number;
  warmup: number;
  rate?: number;
  calls?: number;
}

/** What is driven: a server, and the request that it is sent. */
export interface Target {
  name: string;
  served: Served;
  request: Request;
  wire: 'http' | 'grpc';
  scratch: string;
}

/**
 * Sends calls, and says what became of them.
 * @param during runs beside an open loop from its first call that counts, and ends it
 * @throws Error when the load process fails, or what `during` does
 */
export async function load(target: Target, how: How, during?: () => Promise<void>): Promise<LoadResult> {
  return (await watched(target, how, during)).result;
}

/** What became of calls, with the figures of the server. @throws Error when the load process fails */
export async function drive(target: Target, how: How): Promise<Figures> {
  const { result, used } = await watched(target, how);
  const { answered, seconds, p50, p99, bad, unanswered, clientCpu } = result;
  return { rate: answered / seconds, perCpuSecond: answered / Math.max(used, 0.01), p50, p99, rssMib: rssMib(target.served.pid), bad: bad + unanswered, clientCpu };
}

/** The same as `load`, with the CPU seconds that the server used while calls counted. */
export async function watched({ name, served, request, wire, scratch }: Target, how: How, during?: () => Promise<void>): Promise<{ result: LoadResult; used: number }> {
  const bodyFile = path.join(scratch, `${name.replaceAll('/', '-')}.body`);
  writeFileSync(bodyFile, request.body);
  const plan: LoadPlan = { port: wire === 'grpc' ? served.grpcPort : served.port, wire, path: request.path, headers: request.headers, bodyFile, ...how };
  const child = spawn(process.execPath, [LOAD, JSON.stringify(plan)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let cpu = Number.NaN;
  let result: LoadResult | undefined;
  let beside: Promise<void> | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === BEGIN) {
      cpu = cpuSeconds(served.pid);
      beside = during?.().finally(() => child.kill('SIGTERM'));
      beside?.catch(() => undefined); // thrown below, when the load has ended
    } else result = JSON.parse(line) as LoadResult;
  }
  await beside;
  const used = cpuSeconds(served.pid) - cpu;
  if (result === undefined) throw new Error(`${name}: the load process ended without a result; the server said: ${served.lastWords()}`);
  if (result.bad > 0) process.stderr.write(`${name}: ${result.bad} bad answers, the first: ${result.firstBad}\n`);
  return { result, used };
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Medians of every figure; bad answers are summed. */
export function medians(all: readonly Figures[]): Figures {
  const of = (key: keyof Figures): number => median(all.map((figures) => figures[key]));
  return { rate: of('rate'), perCpuSecond: of('perCpuSecond'), p50: of('p50'), p99: of('p99'), rssMib: of('rssMib'), clientCpu: of('clientCpu'), bad: all.reduce((sum, { bad }) => sum + bad, 0) };
}

/** Medians by name, of rounds in which each target has its turn. `how` may depend on the target. */
export async function inTurns(targets: readonly Target[], rounds: number, how: (target: Target) => How): Promise<Map<string, Figures>> {
  const seen = new Map<string, Figures[]>(targets.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) for (const target of targets) seen.get(target.name)?.push(await drive(target, how(target)));
  return new Map([...seen].map(([name, all]) => [name, medians(all)]));
}
