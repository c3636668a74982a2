// Owns the processes of the bench: started with a port of their own, waited for, their CPU time and memory read with all their
// children, ended whatever happens. Must not know what they are.
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const CLOCK_TICKS = 100;
const LAST_WORDS = 4000;
const LOOK_AGAIN_MS = 5;
const END_MS = 5000;
const START_MS = 60_000;

export interface Started {
  pid: number;
  /** Milliseconds from the start to ready. */
  readyMs: number;
  /** What it printed last. */
  lastWords(): string;
  child: ChildProcess;
  stop(): Promise<void>;
}

export interface StartOptions {
  command: readonly string[];
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** Whether it answers; asked again and again. */
  ready: () => Promise<boolean>;
  timeoutMs?: number;
}

const running = new Set<ChildProcess>();
const ANSWER_MS = 1000;

/** Whether there is a good answer at an address: what `ready` may ask. */
export const answersAt = (url: string): (() => Promise<boolean>) => () =>
  fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) }).then(async (answer) => {
    await answer.arrayBuffer();
    return answer.ok;
  }, () => false);

/** Starts a process in a group of its own and resolves when it is ready. @throws Error with its last words */
export async function start(options: StartOptions): Promise<Started> {
  const [program = '', ...args] = options.command;
  const began = performance.now();
  const child = spawn(program, args, { env: { ...process.env, ...options.env }, cwd: options.cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  running.add(child);
  let words = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-LAST_WORDS)));
  child.once('error', (error) => (words += error.message));
  try {
    await becomesReady(child, options, began);
  } catch (error) {
    await stop(child);
    throw new Error(`${options.command.slice(0, 3).join(' ')} ... did not become ready: ${words}`, { cause: error });
  }
  return { pid: child.pid ?? 0, readyMs: performance.now() - began, lastWords: () => words, child, stop: () => stop(child) };
}

async function becomesReady(child: ChildProcess, { ready, timeoutMs = START_MS }: StartOptions, began: number): Promise<void> {
  while (!(await ready())) {
    if (child.pid === undefined || child.exitCode !== null) throw new Error('it ended');
    if (performance.now() - began > timeoutMs) throw new Error('it took too long');
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

async function stop(child: ChildProcess): Promise<void> {
  running.delete(child);
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return signalGroup(child, 'SIGKILL');
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  signalGroup(child, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), END_MS);
  await ended;
  clearTimeout(timer);
  signalGroup(child, 'SIGKILL'); // what it left behind
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // nothing of the group is left
  }
}

/** Ends everything that still runs; for the end of the bench, however it comes. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map(stop));
}

/** The process and all its children, and theirs. */
function family(pid: number): number[] {
  const children = (): number[] => {
    try {
      return readdirSync(`/proc/${pid}/task`).flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number));
    } catch {
      return [];
    }
  };
  return [pid, ...children().flatMap(family)];
}

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // it ended meanwhile
  }
};

/** CPU seconds that the process and its children have used. */
export function cpuSeconds(pid: number): number {
  return family(pid).reduce((sum, each) => {
    const fields = read(`/proc/${each}/stat`).split(') ')[1]?.split(' ') ?? [];
    return sum + (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / CLOCK_TICKS;
  }, 0);
}

/** Resident memory of the process and its children, MiB; shared pages count once for each. */
export function rssMib(pid: number): number {
  return family(pid).reduce((sum, each) => sum + Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${each}/status`))?.[1] ?? 0) / 1024, 0);
}

/** Threads of the process and its children. */
export const threadsOf = (pid: number): number => family(pid).reduce((sum, each) => sum + Number(/Threads:\s+(\d+)/.exec(read(`/proc/${each}/status`))?.[1] ?? 0), 0);
