// The sections that load servers with calls: closed loops at several concurrencies, an open loop, and the bare runtime beside them.
import path from 'node:path';
import { CONTENDERS, defaultThreads, serveGrpcConstant, type Contender, type Task } from '../contenders.ts';
import { execFileSync } from 'node:child_process';
import { inTurns, type How, type Target } from '../measure.ts';
import { writeMlp, writeMobileNet, MLP, MOBILENET } from '../models.ts';
import type { Wire, Work } from '../requests.ts';
import type { Bare, Framing, Results, Row } from '../results.ts';
import type { Settings } from '../settings.ts';

export interface Bench {
  settings: Settings;
  /** Temporary folder. */
  scratch: string;
  note: (line: string) => void;
}

const MODELS = path.resolve(import.meta.dirname, '..', '..', '..', 'models');
const BARE = path.resolve(import.meta.dirname, '..', '..', '..', 'server', 'bench', 'bare.ts');
/** Of its own capacity. */
export const OPEN_SHARE = 0.7;
const OPEN_CONNECTIONS = 64;
export const AIM_CONCURRENCY = 32;

/** Where a work's model lies; generated ones are written. */
export function modelOf(work: Work, scratch: string): string {
  switch (work) {
    case 'mlp':
      return writeMlp(path.join(scratch, 'models-mlp'));
    case 'mobilenet':
      return writeMobileNet(path.join(scratch, 'models-mobilenet'));
    case 'digits':
      return path.join(MODELS, 'digits', 'v2');
    case 'sentiment':
      return path.join(MODELS, 'sentiment', 'v1');
  }
}

export function taskOf(work: Work, scratch: string): Task {
  return { work, model: modelOf(work, scratch), scratch, threads: work === 'mlp' ? 1 : defaultThreads() };
}

export interface Asked {
  work: Work;
  wire: Wire;
}

/** Starts every contender that speaks the wire and was asked for. */
export async function targetsOf({ settings, scratch, note }: Bench, { work, wire }: Asked): Promise<Target[]> {
  const task = taskOf(work, scratch);
  const wanted = CONTENDERS.filter(({ name }) => settings.only?.includes(name) ?? true);
  const targets: Target[] = [];
  for (const contender of wanted) {
    const target = await startTarget(contender, task, { work, wire });
    if (target === undefined) continue;
    targets.push(target);
    note(`${contender.name}: ready after ${target.served.readyMs.toFixed(0)} ms`);
  }
  return targets;
}

async function startTarget(contender: Contender, task: Task, { work, wire }: Asked): Promise<Target | undefined> {
  const request = contender.request(work, wire);
  if (request === undefined) return undefined;
  const served = await contender.serve(task);
  return { name: contender.name, served, request, wire: wire === 'grpc' ? 'grpc' : 'http', scratch: task.scratch };
}

export async function stopTargets(targets: readonly Target[]): Promise<void> {
  await Promise.all(targets.map(({ served }) => served.stop()));
}

export const inWords = ({ rounds, seconds }: Settings): string => `median of ${rounds} x ${seconds} s, contenders in turns`;

/** Closed loops, one concurrency after the other. */
export async function closedLoops(bench: Bench, asked: Asked, concurrencies: readonly number[]): Promise<Row[]> {
  const { settings, note } = bench;
  const targets = await targetsOf(bench, asked);
  const rows: Row[] = [];
  try {
    for (const concurrency of settings.at ?? concurrencies) {
      const how = (): How => ({ concurrency, seconds: settings.seconds, warmup: settings.warmup });
      const found = await inTurns(targets, settings.rounds, how);
      for (const [name, figures] of found) rows.push({ ...asked, concurrency, name, figures });
      note(`${asked.work} over ${asked.wire} at ${concurrency}: ${[...found].map(([name, { rate }]) => `${name} ${rate.toFixed(0)}`).join(', ')}`);
    }
  } finally {
    await stopTargets(targets);
  }
  return rows;
}

/** Each at 70 % of its own capacity, which is measured first. */
export async function openLoops(bench: Bench, asked: Asked): Promise<Row[]> {
  const { settings } = bench;
  const targets = await targetsOf(bench, asked);
  try {
    const capacity = await inTurns(targets, settings.rounds, () => ({ concurrency: AIM_CONCURRENCY, seconds: settings.seconds, warmup: settings.warmup }));
    const rateOf = (name: string): number => OPEN_SHARE * (capacity.get(name)?.rate ?? 0);
    const found = await inTurns(targets, settings.rounds, ({ name }) => ({ concurrency: OPEN_CONNECTIONS, seconds: settings.seconds, warmup: settings.warmup, rate: rateOf(name) }));
    return [...found].map(([name, figures]) => ({ ...asked, concurrency: OPEN_CONNECTIONS, rate: rateOf(name), name, figures }));
  } finally {
    await stopTargets(targets);
  }
}

const INPUTS = {
  mlp: { format: 'onnx', input: MLP.input, row: [MLP.width] },
  mobilenet: { format: 'onnx', input: MOBILENET.input, row: [MOBILENET.side, MOBILENET.side, MOBILENET.channels] },
  digits: { format: 'saved-model', input: 'image', row: [8, 8, 1] },
  sentiment: { format: 'tfjs-layers', input: 'words', row: [12_179] },
} as const;

/** The runtime alone in a loop, medians over the rounds. */
export function bareLoops({ settings, scratch }: Bench, work: Work, batches: readonly number[]): Bare[] {
  const { format, input, row } = INPUTS[work];
  const model = modelOf(work, scratch);
  const file = format === 'tfjs-layers' ? path.join(model, 'model.json') : model;
  return batches.map((batch) => {
    const runs = Array.from({ length: settings.rounds }, () => JSON.parse(execFileSync(process.execPath, [BARE, format, file, input, JSON.stringify([batch, ...row]), String(settings.seconds)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' } })) as Omit<Bare, 'work' | 'batch'>);
    const best = runs.sort((a, b) => a.rate - b.rate)[Math.floor(runs.length / 2)];
    if (best === undefined) throw new Error('no round was run');
    return { work, batch, ...best };
  });
}

/** Our framing of gRPC and grpc-js's, both with a constant answer. */
export async function framings({ settings, scratch }: Bench, request: Target['request'], concurrencies: readonly number[]): Promise<Framing[]> {
  const answer = Buffer.alloc(64, 1);
  const targets: Target[] = [];
  for (const name of ['own', 'grpc-js'] as const) targets.push({ name, served: await serveGrpcConstant(name, answer), request, wire: 'grpc', scratch });
  try {
    const all: Framing[] = [];
    for (const concurrency of concurrencies) {
      const found = await inTurns(targets, settings.rounds, () => ({ concurrency, seconds: settings.seconds, warmup: settings.warmup }));
      for (const [name, figures] of found) all.push({ name: name as Framing['name'], concurrency, figures });
    }
    return all;
  } finally {
    await stopTargets(targets);
  }
}

export const withWords = (settings: Settings, results: Omit<Results, 'how'>): Results => ({ how: inWords(settings), ...results });
