// A load process: sends requests at a steady open-loop rate to one URL and attributes every answer to the phase it was sent in.
// Run inside the cluster's network namespace. Reads commands as JSON lines, prints `ready`, `phase NAME` and finally the report.
import { createInterface } from 'node:readline';
import { Agent, request } from 'undici';
import type { LoadCommand, LoadOptions, LoadReport, PhaseReport } from './protocol.ts';

interface Phase {
  sent: number;
  failed: number;
  free: Record<string, number>;
  pinned: Record<string, number>;
  latencies: number[];
}

const options = JSON.parse(process.argv[2] ?? '') as LoadOptions;
const dispatcher = new Agent({ connections: 64, pipelining: 1, keepAliveTimeout: 30_000, connect: { timeout: options.timeoutMs } });
const phases = new Map<string, Phase>();
const failures: string[] = [];
const inFlight = new Set<Promise<void>>();
let phase = phaseNamed('start');
let pins: string[] = [];
let sent = 0;
/** Who waits until the present phase has sent enough. */
let awaited: { phase: Phase; count: number } | undefined;

function phaseNamed(name: string): Phase {
  const known = phases.get(name);
  if (known !== undefined) return known;
  const made: Phase = { sent: 0, failed: 0, free: {}, pinned: {}, latencies: [] };
  phases.set(name, made);
  return made;
}

const count = (table: Record<string, number>, key: string): void => {
  table[key] = (table[key] ?? 0) + 1;
};

function fail(where: Phase, why: string): void {
  where.failed += 1;
  if (failures.length < 40) failures.push(`${new Date().toISOString()} ${why}`);
}

interface Said {
  version: string;
  prediction: unknown;
}

/** How an answer tells its version and what it predicts. */
const READERS: Record<NonNullable<LoadOptions['reads']>, (answer: unknown) => Said> = {
  native: (answer) => {
    const { modelVersion = '', prediction, predictions } = answer as { modelVersion?: string; prediction?: unknown; predictions?: unknown };
    return { version: modelVersion, prediction: prediction ?? predictions };
  },
  v2: (answer) => {
    const { model_version = '', outputs = [] } = answer as { model_version?: string; outputs?: { data?: unknown }[] };
    return { version: model_version, prediction: outputs[0]?.data };
  },
};

/** Equal but for the last digits of floats, which runtimes print differently. */
function same(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number') return Math.abs(a - b) < 1e-6;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((each, index) => same(each, b[index]));
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Checks one answer; returns what is wrong with it, or undefined. */
function wrong(status: number, text: string, pin: string | undefined): string | undefined {
  if (status !== 200) return `${status} ${text.slice(0, 300)}`;
  const { version, prediction } = READERS[options.reads ?? 'native'](JSON.parse(text));
  if (pin !== undefined && pin !== version) return `asked for ${pin}, answered by ${version}`;
  if (!(version in options.expect)) return `unexpected model version ${version}`;
  if (!same(prediction, options.expect[version])) return `wrong body from ${version}: ${text.slice(0, 300)}`;
  return undefined;
}

/** Latency counts from `due`, when it should have been sent: a late sender does not make it look small. */
async function one(where: Phase, pin: string | undefined, due: number): Promise<void> {
  try {
    const answer = await request(options.url + options.path, {
      method: 'POST',
      dispatcher,
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
      headers: { 'content-type': 'application/json', ...(pin === undefined ? {} : { 'slipway-model-version': pin }) },
      body: JSON.stringify(options.body),
    });
    const text = await answer.body.text();
    where.latencies.push(performance.now() - due);
    const revision = String(answer.headers['slipway-revision'] ?? 'unknown');
    const problem = wrong(answer.statusCode, text, pin);
    if (problem !== undefined) return fail(where, `${pin === undefined ? 'free' : `pinned ${pin}`} from ${revision}: ${problem}`);
    if (pin === undefined) count(where.free, revision);
    else count(where.pinned, `${pin}->${revision}`);
  } catch (error) {
    fail(where, `${pin === undefined ? 'free' : `pinned ${pin}`}: ${String(error)} ${String((error as { code?: string }).code ?? '')}`);
  }
}

function send(due: number): void {
  const pin = sent % 2 === 1 && pins.length > 0 ? pins[((sent - 1) / 2) % pins.length] : undefined;
  sent += 1;
  phase.sent += 1;
  const job = one(phase, pin, due).finally(() => inFlight.delete(job));
  inFlight.add(job);
  tellIfEnough();
}

function tellIfEnough(): void {
  if (awaited === undefined || awaited.phase.sent < awaited.count) return;
  awaited = undefined;
  process.stdout.write('ok sent\n');
}

/** Sends what is due by the clock, so that a late timer sends more at once instead of fewer. */
function pump(): () => void {
  const started = performance.now();
  let done = 0;
  const timer = setInterval(() => {
    for (const now = performance.now(); started + ((done + 1) * 1000) / options.rate <= now; done += 1) send(started + ((done + 1) * 1000) / options.rate);
  }, 5);
  return () => clearInterval(timer);
}

function percentile(sorted: readonly number[], p: number): number {
  return Math.round((sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * p) / 100))] ?? 0) * 100) / 100;
}

function reportOf(one: Phase): PhaseReport {
  const sorted = [...one.latencies].sort((a, b) => a - b);
  return {
    sent: one.sent,
    failed: one.failed,
    free: one.free,
    pinned: one.pinned,
    latencyMs: { p50: percentile(sorted, 50), p99: percentile(sorted, 99), max: percentile(sorted, 100) },
  };
}

async function finish(stop: () => void): Promise<void> {
  stop();
  await Promise.all(inFlight);
  const report: LoadReport = {
    sent,
    failed: [...phases.values()].reduce((sum, one) => sum + one.failed, 0),
    failures,
    phases: Object.fromEntries([...phases].map(([name, one]) => [name, reportOf(one)])),
  };
  process.stdout.write(`${JSON.stringify({ report })}\n`);
  process.exit(0);
}

const stop = pump();
process.stdout.write('ready\n');
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const command = JSON.parse(line) as LoadCommand;
  if (command.kind === 'phase') phase = phaseNamed(command.name);
  if (command.kind === 'pin') pins = command.versions;
  if (command.kind === 'sent') {
    awaited = { phase, count: command.count };
    tellIfEnough();
  } else if (command.kind === 'stop') void finish(stop);
  else process.stdout.write(`ok ${command.kind}\n`);
});
lines.on('close', () => void finish(stop));
