// npx slipway kubeconfig: prints the path of the kubeconfig of the cluster that npm start uses, and nothing else.
import { exists } from './cache.ts';
import { choose } from './cluster/choose.ts';
import { argumentsFor, interruption, runCommand } from './command.ts';

const HELP = 'usage: npx slipway kubeconfig     prints the path of the kubeconfig of the cluster that start uses; npm run -s kubeconfig is the same\n';
const signal = interruption();

async function print(): Promise<void> {
  const { kubeconfig } = await choose({ report: () => undefined, signal });
  if (!(await exists(kubeconfig))) throw new Error('no cluster is up; npm start brings one up');
  process.stdout.write(`${kubeconfig}\n`);
}

if (argumentsFor(HELP, 0) !== undefined) await runCommand(signal, 'Interrupted.', print);
