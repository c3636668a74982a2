// npm stop: removes what npm start made. In a cluster that is the person's own: the sample, the release, their namespaces. A cluster of
// ours goes as a whole.
import { choose } from './cluster/choose.ts';
import type { Cluster } from './cluster/cluster.ts';
import { argumentsFor, interruption, runCommand } from './command.ts';
import { createProgress } from './progress.ts';
import { uninstallChart } from './quickstart/chart.ts';
import { removeNamespace, sampleNamespace } from './quickstart/namespace.ts';
import { clusterPrograms } from './quickstart/programs.ts';

const HELP = `usage: npx slipway stop     removes what npx slipway start brought up; npm stop is the same

In a cluster that SLIPWAY_CONTEXT names: the sample, the release and their namespaces. A cluster of ours goes as a whole.
`;
const progress = createProgress(process.stdout);
const signal = interruption();

async function clear(cluster: Cluster): Promise<void> {
  const programs = await clusterPrograms(cluster, signal);
  await progress.step('sample', async () => {
    await removeNamespace(sampleNamespace(cluster), programs);
    return 'removed';
  });
  await progress.step('chart', async () => {
    await uninstallChart(programs);
    return 'removed; the CRD stays, because deleting it would delete every InferenceService of the cluster';
  });
}

async function stop(): Promise<void> {
  const cluster = await choose({ report: progress.line, signal });
  if (cluster.kind === 'context') await clear(cluster);
  await progress.step('cluster', async () => {
    await cluster.down();
    return cluster.kind === 'context' ? 'is yours and stays' : 'removed';
  });
}

if (argumentsFor(HELP, 0) !== undefined) await runCommand(signal, 'Interrupted. `npm stop` can be run again.', stop);
