// npm run fuzz: coverage-guided fuzzing of every codec of the server. Inputs that reach a new branch are kept and mutated on; what they
// find is written beside the corpus, where the tests replay it. An own loop: @jazzer.js/core has no binary for glibc before 2.38.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { COUNTERS, placed, WORDS } from './instrument.ts';
import type { Target } from './targets.ts';

const HELP = `usage: npm run fuzz [-- --minutes N] [--target NAME] [--seed N] [--keep]

  --minutes N    for all targets together (default 5)
  --target NAME  one of them alone
  --seed N       of the random numbers (default: the time)
  --keep         makes test/server/fuzz/corpus anew of what is there and what was found: the fewest and shortest inputs that reach every branch
`;
const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' }, target: { type: 'string' }, seed: { type: 'string' }, keep: { type: 'boolean', default: false }, last: { type: 'string' }, help: { type: 'boolean', default: false } } });

const { TARGETS } = await import('./targets.ts');
const { HeapWatch, MAY_GROW_BYTES } = await import('./heap-watch.ts');
const { judge } = await import('./judge.ts');
const { minimised } = await import('./minimise.ts');
const { mutate, randomFrom } = await import('./mutate.ts');

interface Outcome {
  name: string;
  runs: number;
  branches: number;
  corpus: number;
  crashes: Map<string, Buffer>;
  /** Bytes that the heap grew by over all inputs; undefined: too few inputs to tell. */
  growth: number | undefined;
}

const folder = (kind: 'corpus' | 'crashes', name: string): string => path.join(import.meta.dirname, kind, name);
const filesOf = (at: string): Buffer[] => (existsSync(at) ? readdirSync(at).sort().map((file) => readFileSync(path.join(at, file))) : []);

function save(kind: 'corpus' | 'crashes', name: string, bytes: Buffer): void {
  mkdirSync(folder(kind, name), { recursive: true });
  writeFileSync(path.join(folder(kind, name), createHash('sha256').update(bytes).digest('hex').slice(0, 16)), bytes);
}

/** The bucket of a counter, as a bit: 1, 2, 3, 4-7, 8-15, 16-31, 32-127, more. */
const bucket = (count: number): number => (count > 127 ? 128 : count > 31 ? 64 : count > 15 ? 32 : count > 7 ? 16 : count > 3 ? 8 : 1 << (count - 1));

/** Marks what a run reached; true if some of it was new. */
function reaches(seen: Uint8Array): boolean {
  let fresh = false;
  const end = placed();
  for (let at = 0; at < end; at++) {
    const count = COUNTERS[at] ?? 0;
    if (count === 0) continue;
    const bit = bucket(count);
    if (((seen[at] ?? 0) & bit) === 0) fresh = true;
    seen[at] = (seen[at] ?? 0) | bit;
  }
  return fresh;
}

/** Branches that an input reaches. */
function reachOf(target: Target, bytes: Buffer): Set<number> {
  COUNTERS.fill(0, 0, placed());
  try {
    target.run(Buffer.from(bytes));
  } catch {
    // Refused; how far it came counts.
  }
  return new Set(Array.from({ length: placed() }, (_, at) => at).filter((at) => (COUNTERS[at] ?? 0) > 0));
}

/** The corpus on disk, made anew. */
function keep(name: string, target: Target, inputs: readonly Buffer[]): void {
  rmSync(folder('corpus', name), { recursive: true, force: true });
  const beginning = [...seedsOf(target), ...filesOf(folder('crashes', name))];
  for (const bytes of minimised(inputs, beginning, (each) => reachOf(target, each))) save('corpus', name, bytes);
}

/** A copy with memory of its own: small buffers share what is then kept whole. */
const alone = (bytes: Buffer): Buffer => Buffer.from(Uint8Array.from(bytes).buffer);
/** What a buffer takes beside its bytes. */
const BUFFER_BYTES = 300;

const seedsOf = (target: Target): Buffer[] => target.seeds.map((each) => Buffer.from(each as string));

/** Failures are told apart by where they come from. */
const kindOf = (failure: string): string => (/\n\s+at .*$/m.exec(failure)?.[0] ?? failure.replaceAll(/\d+/g, 'N')).trim();

interface Budget {
  /** On the monotonic clock. */
  until: number;
  random: () => number;
  /** A file that always holds the input under way. */
  last: number;
}

function fuzz(name: string, target: Target, { until, random, last }: Budget): Outcome {
  const seen = new Uint8Array(COUNTERS.length);
  const outcome: Outcome = { name, runs: 0, branches: 0, corpus: 0, crashes: new Map(), growth: undefined };
  const watch = new HeapWatch();
  const corpus: Buffer[] = [];
  const words = [...WORDS];
  const fail = (failure: string, bytes: Buffer): void => {
    if (outcome.crashes.has(kindOf(failure))) return;
    outcome.crashes.set(kindOf(failure), bytes);
    save('crashes', name, bytes);
    process.stderr.write(`\n${name}: ${failure}\n  input ${JSON.stringify(bytes.toString('latin1')).slice(0, 400)}\n`);
  };
  const run = (bytes: Buffer): void => {
    ftruncateSync(last, writeSync(last, bytes, 0, bytes.length, 0));
    COUNTERS.fill(0, 0, placed());
    const failure = judge(target, bytes);
    outcome.runs += 1;
    if (failure !== undefined) fail(failure, bytes);
    if (reaches(seen)) corpus.push(alone(bytes));
    watch.ran(() => corpus.reduce((sum, { byteLength }) => sum + byteLength + BUFFER_BYTES, 0));
  };
  for (const seed of [...seedsOf(target), ...filesOf(folder('corpus', name)), ...filesOf(folder('crashes', name))]) run(seed);
  if (corpus.length === 0) throw new Error(`${name}: nothing is instrumented`);
  while (performance.now() < until) for (let batch = 0; batch < 64; batch++) run(mutate(corpus[Math.floor((1 - random() ** 2) * corpus.length)] ?? Buffer.alloc(0), { random, others: corpus, words }));
  outcome.branches = seen.filter((bits) => bits > 0).length;
  outcome.corpus = corpus.length;
  outcome.growth = watch.growth;
  if (watch.leak !== undefined) process.stderr.write(`\n${name} ${watch.leak}\n`);
  if (values.keep) keep(name, target, corpus);
  return outcome;
}

/** One target in this process; a parent watches, for a codec may end the process. */
function fuzzHere(name: string, last: string, seed: number): number {
  const outcome = fuzz(name, TARGETS[name] as Target, { until: performance.now() + Number(values.minutes) * 60_000, random: randomFrom(seed), last: openSync(last, 'w') });
  process.stdout.write(`${name.padEnd(18)} ${String(outcome.runs).padStart(10)} ${String(outcome.branches).padStart(9)} ${String(outcome.corpus).padStart(7)} ${String(outcome.crashes.size).padStart(9)} ${grown(outcome.growth).padStart(9)}\n`);
  return outcome.crashes.size === 0 && (outcome.growth ?? 0) <= MAY_GROW_BYTES ? 0 : 1;
}

const grown = (bytes: number | undefined): string => (bytes === undefined ? 'few runs' : `${String(Math.round(bytes / 1024))} KiB`);

/** A process for each target. What ended one is the input that it had last. */
function fuzzAll(names: readonly string[], seed: number): number {
  const scratch = mkdtempSync(path.join(tmpdir(), 'slipway-fuzz-'));
  const last = path.join(scratch, 'last');
  const minutes = String(Number(values.minutes) / names.length);
  let failed = 0;
  for (const [index, name] of names.entries()) {
    const { status } = spawnSync(process.execPath, [import.meta.filename, '--target', name, '--minutes', minutes, '--seed', String(seed + index), '--last', last, ...(values.keep ? ['--keep'] : [])], { stdio: 'inherit' });
    if (status === 0) continue;
    failed += 1;
    if (status === 1) continue;
    save('crashes', name, readFileSync(last));
    process.stdout.write(`${name.padEnd(18)} ended the process with the input ${JSON.stringify(readFileSync(last, 'latin1')).slice(0, 400)}\n`);
  }
  rmSync(scratch, { recursive: true, force: true });
  return failed === 0 ? 0 : 1;
}

function main(): number {
  const names = values.target === undefined ? Object.keys(TARGETS) : [values.target];
  const unknown = names.find((name) => !(name in TARGETS));
  if (values.help || unknown !== undefined) {
    process.stdout.write(`${unknown === undefined ? '' : `no target ${unknown}\n`}${HELP}\ntargets:\n${Object.entries(TARGETS).map(([name, { about }]) => `  ${name.padEnd(18)} ${about}`).join('\n')}\n`);
    return unknown === undefined ? 0 : 2;
  }
  const seed = values.seed === undefined ? Date.now() >>> 0 : Number(values.seed);
  if (values.last !== undefined) return fuzzHere(names[0] ?? '', values.last, seed);
  process.stdout.write(`seed ${String(seed)}, ${String(placed())} branches in all\n${'target'.padEnd(18)} ${'runs'.padStart(10)} ${'branches'.padStart(9)} ${'inputs'.padStart(7)} ${'failures'.padStart(9)} ${'heap'.padStart(9)}\n`);
  return fuzzAll(names, seed);
}

process.exitCode = main();
