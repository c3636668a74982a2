// npm start: a cluster, the images, the chart, the sample service, its first prediction. Every step can be repeated, so the whole can be
// repeated, interrupted and run after a crash. It reads like what it does; how is in cluster/, images/ and quickstart/.
import path from 'node:path';
import { choose } from './cluster/choose.ts';
import type { Cluster } from './cluster/cluster.ts';
import { KUBERNETES_VERSION } from './cluster/programs.ts';
import { argumentsFor, interruption, runCommand } from './command.ts';
import { provideImages, type ProvidedImages } from './images/provide.ts';
import { createProgress } from './progress.ts';
import { installChart } from './quickstart/chart.ts';
import { closingText } from './quickstart/messages.ts';
import { ensureNamespace, sampleNamespace } from './quickstart/namespace.ts';
import { clusterPrograms, type ClusterPrograms } from './quickstart/programs.ts';
import { applySample, followSample, predictSample, SERVICE } from './quickstart/sentiment.ts';

const HELP = `usage: npx slipway start     brings up a cluster with Slipway and a sample service; npm start is the same

It takes the cluster that SLIPWAY_CONTEXT names, with SLIPWAY_REGISTRY for the images; else kind, if Docker runs; else, on Linux as root with Go, a
single-node Kubernetes of its own. Every step can be repeated. npx slipway stop removes it.
`;
const root = path.resolve(import.meta.dirname, '..');
const progress = createProgress(process.stdout);
const signal = interruption();

const KINDS: Readonly<Record<Cluster['kind'], string>> = {
  context: 'yours',
  kind: 'kind',
  local: `local single-node Kubernetes ${KUBERNETES_VERSION}`,
};

async function bringUp(): Promise<Cluster> {
  let note: (line: string) => void = progress.line;
  const cluster = await choose({ report: (line) => note(line), signal });
  await progress.step('cluster', async (stepNote) => {
    note = stepNote;
    await cluster.up();
    return `${KINDS[cluster.kind]}: ${cluster.why}`;
  });
  return cluster;
}

async function images(cluster: Cluster): Promise<ProvidedImages> {
  let provided: ProvidedImages | undefined;
  await progress.step('images', async (note) => {
    provided = await provideImages(cluster, { root, note, signal });
    return provided.summary;
  });
  for (const line of provided?.lines ?? []) progress.line(`  ${line}`);
  if (provided === undefined) throw new Error('no images');
  return provided;
}

async function service(cluster: Cluster, programs: ClusterPrograms): Promise<void> {
  const namespace = sampleNamespace(cluster);
  await progress.step(SERVICE, async (note) => {
    const context = { root, namespace, programs, note, signal };
    await ensureNamespace(namespace, programs);
    await applySample(context);
    await followSample(context);
    return 'ready';
  });
  const url = await cluster.expose({ namespace, name: SERVICE, port: 80 });
  const answer = await predictSample(url, signal);
  const table = await programs.kubectl(['get', 'isvc', '--namespace', namespace]);
  progress.line(closingText({ table, url, answer, namespace, programs: programs.folders }));
}

async function start(): Promise<void> {
  const cluster = await bringUp();
  const { refs } = await images(cluster);
  const programs = await clusterPrograms(cluster, signal);
  await progress.step('chart', (note) => installChart(root, refs, programs, note));
  await service(cluster, programs);
}

if (argumentsFor(HELP, 0) !== undefined) await runCommand(signal, 'Interrupted. `npm start` continues, `npm stop` removes what there is.', start);
