// npm run chaos: releases, restarts and upgrades under load, without a lost request. Finds or makes a cluster, runs, prints the report.
// Exit codes: 0 nothing lost, 1 something was lost or an operation failed, 2 wrong use, 130 interrupted with nothing lost so far.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { choose } from '../../tools/cluster/choose.ts';
import { interruption } from '../../tools/command.ts';
import { provideImages } from '../../tools/images/provide.ts';
import { RELEASE, RELEASE_NAMESPACE, installChart } from '../../tools/quickstart/chart.ts';
import { clusterPrograms } from '../../tools/quickstart/programs.ts';
import type { Access } from './hands.ts';
import { printed, reportOf } from './report.ts';
import { runChaos } from './run.ts';

const HELP = `usage: npm run chaos -- [OPTIONS]

Sends requests to InferenceServices at a steady rate while releases follow one another in random order: canaries promoted and aborted,
blue-green switched and undone, rolling updates, undo, scaling, pauses, bad models and retries, routers restarted, operator and routers
upgraded by helm. Prints what was sent, what failed, and the latency during each. Exits with 1 if a request was lost.

  --operations N   operations to begin (default 100)
  --minutes N      begin none after so many minutes (default 60)
  --seed N         order of the operations (default: a random one, which the report names)
  --rate N         requests per second for each service (default 20)
  --services N     InferenceServices, each with releases of its own (default 2)
  --kill           also ends routers, servers and the operator with kill -9; what was in flight on them is counted apart
  --cluster ID     uses the local cluster of that name, made if there is none, and keeps it (default: one of its own, removed in the end)
  --json FILE      writes the report as JSON, too
  --help           shows this

Ctrl-C ends the run and prints the report so far.
`;

const OPTIONS = {
  operations: { type: 'string', default: '100' },
  minutes: { type: 'string', default: '60' },
  seed: { type: 'string' },
  rate: { type: 'string', default: '20' },
  services: { type: 'string', default: '2' },
  kill: { type: 'boolean', default: false },
  cluster: { type: 'string' },
  json: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

const root = path.resolve(import.meta.dirname, '../..');
const tell = (line: string): void => void process.stderr.write(`chaos  ${line}\n`);

class UsageError extends Error {}

function whole(name: string, text: string, least: number): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < least) throw new UsageError(`--${name} takes a whole number of at least ${least}, not "${text}"`);
  return number;
}

function settings() {
  const { values } = parseArgs({ options: OPTIONS });
  const { operations, minutes, rate, services, seed } = values;
  return {
    ...values,
    operations: whole('operations', operations, 1),
    longestMs: whole('minutes', minutes, 1) * 60_000,
    rate: whole('rate', rate, 1),
    services: whole('services', services, 1),
    seed: seed === undefined ? Math.floor(Math.random() * 1_000_000) : whole('seed', seed, 0),
  };
}

type Settings = ReturnType<typeof settings>;

/** A cluster with this checkout's Slipway in it. */
async function installed(id: string, keep: boolean, signal: AbortSignal): Promise<{ access: Access; down: () => Promise<void> }> {
  const cluster = await choose({ id, report: tell, signal });
  tell(`${cluster.kind} cluster: ${cluster.why}`);
  // Ctrl-C ends everything that the signal was given to, and this comes after it.
  const down = async (): Promise<void> => (await choose({ id, report: tell })).down();
  try {
    await cluster.up();
    const { refs } = await provideImages(cluster, { root, note: tell, signal });
    const programs = await clusterPrograms(cluster, signal);
    tell(await installChart(root, refs, programs, tell));
    const clients = await cluster.clients();
    const access = { ...clients, kubeconfig: cluster.kubeconfig, inside: [...cluster.inNetwork([])], chart: path.join(root, 'charts/slipway'), release: RELEASE, releaseNamespace: RELEASE_NAMESPACE };
    return { access, down };
  } catch (error) {
    if (!keep) await down();
    throw error;
  }
}

async function run(options: Settings): Promise<number> {
  const signal = interruption();
  const { access, down } = await installed(options.cluster ?? 'chaos', options.cluster !== undefined, signal);
  try {
    tell(`seed ${options.seed}: at most ${options.operations} operations, ${options.services} services with ${options.rate} requests per second each`);
    const report = reportOf(await runChaos({ ...options, access, namespace: 'chaos', signal, tell }));
    process.stdout.write(`${printed(report).join('\n')}\n`);
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
    if (report.lost > 0 || report.failedOperations.length > 0) return 1;
    return report.interrupted ? 130 : 0;
  } finally {
    if (options.cluster === undefined) await down();
  }
}

async function main(): Promise<number> {
  try {
    const options = settings();
    if (!options.help) return await run(options);
    process.stdout.write(HELP);
    return 0;
  } catch (error) {
    const usage = error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true;
    process.stderr.write(`error: ${(error as Error).message}\n${usage ? '\n' + HELP : ''}`);
    return usage ? 2 : 1;
  }
}

process.exitCode = await main();
