// The load process of the chaos run: sends requests at a steady open-loop rate, in lanes, to every target, and prints one record per request
// as JSON lines. Runs inside the cluster's network. Prints `ready`; ends when its standard input does, after the last answer.
import { setTimeout as sleep } from 'node:timers/promises';
import { LARGE_ROWS, Sender } from './lanes.ts';
import type { Answer } from './lanes.ts';
import { LANES, LANE_NAMES } from './protocol.ts';
import type { LaneName, LoadOptions, Sent, Target } from './protocol.ts';

const options = JSON.parse(process.argv[2] ?? '') as LoadOptions;
const TICK_MS = 5;
const PRINT_MS = 100;
/** The samples' own answers have float32's precision. */
const CLOSE_ENOUGH = 1e-4;

const inFlight = new Set<Promise<void>>();
let records: Sent[] = [];

/** Lanes in turn, each as often as its share says, and never in bursts (smooth weighted round robin). */
function* lanesInTurn(): Generator<LaneName, never> {
  const total = LANE_NAMES.reduce((sum, lane) => sum + LANES[lane].share, 0);
  const credit = new Map<LaneName, number>(LANE_NAMES.map((lane) => [lane, 0]));
  for (;;) {
    for (const lane of LANE_NAMES) credit.set(lane, (credit.get(lane) ?? 0) + LANES[lane].share);
    const next = LANE_NAMES.reduce((best, lane) => ((credit.get(lane) ?? 0) > (credit.get(best) ?? 0) ? lane : best));
    credit.set(next, (credit.get(next) ?? 0) - total);
    yield next;
  }
}

/** What is wrong with an answer, or undefined. */
function wrong(lane: LaneName, { status, headers, text }: Answer): string | undefined {
  if (status !== 200) return `${status} ${text.slice(0, 300)}`;
  const answer = JSON.parse(text) as { predictions?: number[][]; modelVersion?: string };
  const expected = options.expect[answer.modelVersion ?? ''];
  if (expected === undefined) return `unexpected model version ${answer.modelVersion}`;
  if (headers['slipway-revision'] === undefined) return 'the answer does not say which revision it is from';
  const rows = answer.predictions ?? [];
  if (rows.length !== (lane === 'large' ? LARGE_ROWS : 1)) return `${rows.length} predictions`;
  const last = rows.at(-1) ?? [];
  const same = expected.every((value, index) => Math.abs(value - (last[index] ?? NaN)) < CLOSE_ENOUGH);
  return same ? undefined : `wrong predictions from ${answer.modelVersion}: ${JSON.stringify(last)}`;
}

const wordsOf = (error: unknown): string => {
  const { code, message, cause } = error as { code?: string; message: string; cause?: Error };
  return [code, message, cause?.message].filter((text) => text !== undefined && text !== '').join(' ');
};

const sinceMs = (due: number): number => Math.round((performance.timeOrigin + performance.now() - due) * 100) / 100;

async function one(target: Target, sender: Sender, lane: LaneName, due: number): Promise<void> {
  const record: Sent = { target: target.name, lane, due, lateMs: sinceMs(due), ms: 0 };
  try {
    const answer = await sender.send(lane);
    const problem = wrong(lane, answer);
    const revision = answer.headers['slipway-revision'];
    if (revision !== undefined) record.revision = String(revision);
    if (problem !== undefined) record.problem = problem;
  } catch (error) {
    record.problem = wordsOf(error);
  }
  record.ms = sinceMs(due);
  records.push(record);
}

/**
 * Sends what is due by the clock, so that a late timer sends more at once instead of fewer. The sockets speak first: a process that got no CPU for
 * longer than routers keep idle connections hears that they were closed before it sends on them, as a caller that is not starved does.
 */
function pump(target: Target, offsetMs: number): () => void {
  const sender = new Sender(target.url, options);
  const lanes = lanesInTurn();
  const gap = 1000 / options.rate;
  const started = performance.timeOrigin + performance.now() + offsetMs;
  let done = 0;
  const send = (): void => {
    for (const now = performance.timeOrigin + performance.now(); started + done * gap <= now; done += 1) {
      const job = one(target, sender, lanes.next().value, started + done * gap).finally(() => inFlight.delete(job));
      inFlight.add(job);
    }
  };
  const timer = setInterval(() => setImmediate(send), TICK_MS);
  return () => clearInterval(timer);
}

function print(): void {
  if (records.length === 0) return;
  process.stdout.write(`${JSON.stringify(records)}\n`);
  records = [];
}

const stops = options.targets.map((target, index) => pump(target, (index * 1000) / options.rate / options.targets.length));
const printing = setInterval(print, PRINT_MS);
process.stdout.write('ready\n');

/** Waits for the last answers, for as long as any may take. What is then still waiting in this process was never sent. */
async function finish(): Promise<void> {
  for (const stop of stops) stop();
  await Promise.race([Promise.all(inFlight), sleep(options.timeoutMs)]);
  clearInterval(printing);
  print();
  process.stdout.write('', () => process.exit(0));
}
// Ctrl-C reaches the whole process group; the end comes from the parent, which still wants the last records.
process.on('SIGINT', () => undefined);
process.stdin.on('end', () => void finish());
process.stdin.resume();
