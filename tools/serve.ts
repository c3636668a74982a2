// npx slipway serve FOLDER: serves a folder of models on PORT (3000) without a cluster, with the same code that runs in pods.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { exists } from './cache.ts';
import { argumentsFor, callersFolder, interruption, runCommand } from './command.ts';
import { createProgress } from './progress.ts';
import { ensureTensorFlow } from './tensorflow/setup.ts';

const HELP = `usage: npx slipway serve [FOLDER]     serves the models below FOLDER (default: models); npm run serve -- FOLDER is the same

It listens on 127.0.0.1 (HOST changes that). PORT, LOG_LEVEL and the server's other settings are environment variables; docs/reference lists them.
`;
const root = path.resolve(import.meta.dirname, '..');
const signal = interruption();

async function serve(folder: string): Promise<void> {
  const models = path.resolve(callersFolder(), folder);
  if (!(await exists(models))) throw new Error(`there is no folder ${models}; give one that holds models, such as: npx slipway serve models`);
  await createProgress(process.stderr).step('tensorflow', async (note) => (await ensureTensorFlow(root, { note, signal })).source);
  const source = (name: string): string => path.join(root, 'server', 'src', name);
  const server = spawn(process.execPath, ['--import', source('preload.ts'), source('main.ts')], {
    cwd: root,
    env: { HOST: '127.0.0.1', DRAIN_DELAY_SECONDS: '0', ...process.env, MODEL_PATH: models },
    stdio: 'inherit',
    detached: true, // Ctrl-C comes once, from here, so that the server has time to drain
  });
  const stop = (): void => void server.kill('SIGTERM');
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  const [code] = (await once(server, 'close')) as [number | null];
  process.exitCode = code ?? 1;
}

const given = argumentsFor(HELP, 1);
if (given !== undefined) await runCommand(signal, 'Interrupted.', () => serve(given[0] ?? 'models'));
