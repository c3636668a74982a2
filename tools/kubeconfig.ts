// npm run -s kubeconfig: prints the path of the kubeconfig of the cluster that npm start uses, and nothing else.
import { exists } from './cache.ts';
import { choose } from './cluster/choose.ts';
import { interruption, runCommand } from './command.ts';

const signal = interruption();
await runCommand(signal, 'Interrupted.', async () => {
  const { kubeconfig } = await choose({ report: () => undefined, signal });
  if (!(await exists(kubeconfig))) throw new Error('no cluster is up; npm start brings one up');
  process.stdout.write(`${kubeconfig}\n`);
});
