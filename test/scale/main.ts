// npm run scale: how Slipway fares with very many InferenceServices. Brings up a cluster of its own with Slipway and simulated nodes, measures,
// prints a table, takes everything down. It reads like what it does; how is in the files beside it.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createClient, createTransport, kubeconfigConnection, systemClock } from '@slipway/kube';
import { localCluster } from '../../tools/cluster/local/local.ts';
import type { Cluster } from '../../tools/cluster/cluster.ts';
import { identify } from '../../tools/cluster/processes.ts';
import { interruption, runCommand } from '../../tools/command.ts';
import { provideImages } from '../../tools/images/provide.ts';
import { createProgress } from '../../tools/progress.ts';
import { clusterPrograms } from '../../tools/quickstart/programs.ts';
import { RELEASE_NAMESPACE, upgradeArguments } from '../../tools/quickstart/chart.ts';
import type { ClusterAccess } from './cluster-access.ts';
import { measure, measureAtRest, measureMaking } from './measure.ts';
import type { MeasureOptions, ScaleFigures } from './measure.ts';
import { tableOf } from './report.ts';
import { startSimulatedNodes } from './simulated-nodes.ts';

const HELP = `usage: npm run scale -- [OPTIONS]

Makes many InferenceServices on a real control plane and measures what it costs. Server pods run on nodes that kwok simulates, routers on the
real node. Linux as root, with Go. The cluster is its own and is removed at the end, also after Ctrl-C.

  --count N         InferenceServices: 100 (default), 1000, 5000 or any other number up to 30000
  --namespaces N    namespaces they are spread over (default 20)
  --idle SECONDS    how long the cluster is left alone to count what idling costs (default 300)
  --json FILE       writes the figures as JSON, too
  --cluster ID      keeps the cluster of that name between runs (npm run cluster -- down ID removes it)
  --part create     with --cluster: makes as many as are missing, prints what that cost, and keeps the simulated nodes alive
                    until Ctrl-C (within half a minute of which another --part create may go on, with a larger --count)
  --part measure    meanwhile, with the same --cluster: measures what is there at rest, as often as you like
  --help            this page
`;

const root = path.resolve(import.meta.dirname, '../..');
const progress = createProgress(process.stderr);

const PARTS = ['all', 'create', 'measure'] as const;
type Part = (typeof PARTS)[number];
/** Names the InferenceServices that one process makes and another measures. */
const KEPT_RUN = 'kept';
const KEPT_NODES = 10;

interface Settings {
  count: number;
  namespaces: number;
  idleMs: number;
  json: string | undefined;
  cluster: string | undefined;
  part: Part;
}

/** Throws an Error that says which option cannot be used. */
function settingsOf(values: Record<string, string | boolean | undefined>): Settings {
  const number = (name: string, fallback: number, most: number): number => {
    const value = Number(values[name] ?? fallback);
    if (!Number.isInteger(value) || value < 1 || value > most) throw new Error(`--${name} must be a whole number from 1 to ${most}`);
    return value;
  };
  const text = (name: string): string | undefined => values[name] as string | undefined;
  const part = PARTS.find((each) => each === (values['part'] ?? 'all'));
  if (part === undefined) throw new Error('--part must be create or measure');
  if (part !== 'all' && text('cluster') === undefined) throw new Error(`--part ${part} needs --cluster: the other part has to find the InferenceServices`);
  const count = number('count', 100, 30_000);
  return { count, namespaces: Math.min(count, number('namespaces', 20, 100)), idleMs: 1000 * number('idle', 300, 86_400), json: text('json'), cluster: text('cluster'), part };
}

/** Nobody calls the Services of simulated pods, while each sync of kube-proxy's nftables mode lists them all: with 10,000, a core for ten seconds. */
const PROXY_SYNC = '60s';

/** The chart with one operator, whose memory limit is the aim; one small router in each namespace. */
async function install(cluster: Cluster, signal: AbortSignal): Promise<void> {
  await progress.step('images', async (note) => {
    const { refs } = await provideImages(cluster, { root, note, signal });
    const programs = await clusterPrograms(cluster, signal);
    const values = { 'operator.replicas': '1', 'operator.resources.limits.memory': '1Gi', 'router.replicas': '1', 'podDisruptionBudget.enabled': 'false' };
    note('helm upgrade --install, waiting for the operator');
    await programs.helm([...upgradeArguments(path.join(root, 'charts', 'slipway'), refs), ...Object.entries(values).flatMap(([key, value]) => ['--set', `${key}=${value}`])]);
    return 'installed';
  });
}

/** Resolves when the process is to end. */
const interrupted = (signal: AbortSignal): Promise<void> => new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));

type Report = (figures: ScaleFigures) => Promise<void>;

/** What is done between the nodes' coming and going; the figures are reported as soon as they are there. */
async function onNodes({ part, count }: Settings, options: MeasureOptions, report: Report): Promise<void> {
  const { access, client, tell, signal } = options;
  const kept = part === 'create';
  const nodes = await startSimulatedNodes({ access, client, count: kept ? KEPT_NODES : Math.min(15, Math.max(2, Math.ceil(count / 500))), report: tell, signal });
  try {
    await report(kept ? await measureMaking(options) : await measure(options));
    if (kept && signal !== undefined) {
      tell('all are made and at rest: --part measure can begin; Ctrl-C ends the simulated nodes');
      await interrupted(signal);
    }
  } finally {
    await nodes.stop({ keepNodes: kept });
  }
}

async function measured(access: ClusterAccess, settings: Settings, { signal, report }: { signal: AbortSignal; report: Report }): Promise<void> {
  const connection = await kubeconfigConnection({ path: access.kubeconfig, clock: systemClock });
  const client = createClient(createTransport({ connection, clock: systemClock, userAgent: 'slipway-scale' }));
  const run = settings.part === 'all' ? Date.now().toString(36).slice(-5) : KEPT_RUN;
  const common = { ...settings, access, client, run, oneMore: 20, tries: 1, readyMs: 120_000 + 1_000 * settings.count, leave: settings.cluster === undefined, signal };
  try {
    await progress.step('measure', async (tell) => {
      if (settings.part === 'measure') await report(await measureAtRest({ ...common, tell }));
      else await onNodes(settings, { ...common, tell }, report);
      return 'done';
    });
  } finally {
    await client.close();
  }
}

async function run(settings: Settings, signal: AbortSignal): Promise<void> {
  const tell = (line: string): void => progress.line(line);
  const owner = settings.cluster === undefined ? identify(process.pid) : undefined;
  const cluster = localCluster(settings.cluster ?? `scale${process.pid}`, 'for the scale measurement', { report: tell, signal, owner, proxySync: PROXY_SYNC });
  try {
    await progress.step('cluster', async () => {
      await cluster.up();
      return 'ready';
    });
    if (settings.part !== 'measure') await install(cluster, signal);
    const { kubectl } = await cluster.clients();
    const access = { kubeconfig: cluster.kubeconfig, kubectl, inside: [...cluster.inNetwork([])], releaseNamespace: RELEASE_NAMESPACE };
    await measured(access, settings, { signal, report: (figures) => print(figures, settings.json) });
  } finally {
    if (settings.cluster === undefined) await localCluster(`scale${process.pid}`, '', { report: tell }).down();
  }
}

async function print(figures: ScaleFigures, json: string | undefined): Promise<void> {
  process.stdout.write(`\n${tableOf(figures)}\n`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify(figures, null, 2)}\n`);
}

const options = { count: { type: 'string' }, namespaces: { type: 'string' }, idle: { type: 'string' }, json: { type: 'string' }, cluster: { type: 'string' }, part: { type: 'string' }, help: { type: 'boolean' } } as const;
const signal = interruption();
await runCommand(signal, 'Interrupted. A cluster without a name is removed.', async () => {
  const { values } = parseArgs({ options });
  if (values.help === true) return void process.stdout.write(HELP);
  await run(settingsOf(values), signal);
});
