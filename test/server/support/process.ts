// Starts the server as a process of its own, as it runs in a pod. Whatever a test leaves running is ended after it.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterEach } from 'vitest';
import { ask, ROOT, until } from './server.ts';
import { freePort } from '../../../tools/free-port.ts';

export interface ServerProcess {
  child: ChildProcess;
  url: string;
  admin: string;
  /** Its exit code. */
  exit: Promise<number | null>;
  /** What it has written so far. */
  log: () => string;
}

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

const source = (name: string): string => path.join(ROOT, 'server', 'src', name);

interface StartOptions {
  /** The script that is imported before, and the server itself; else the sources. */
  scripts?: { preload: string; main: string };
  /** Whether it has started; else it is ready. Asked until it is so. */
  started?: (at: Pick<ServerProcess, 'url' | 'admin'>) => Promise<boolean>;
}

const ready = ({ url }: Pick<ServerProcess, 'url'>): Promise<boolean> => ask(`${url}/health/ready`).then((answer) => answer.status === 200, () => false);

/** A server process that has started. */
export async function startProcess(env: Record<string, string>, { scripts = { preload: source('preload.ts'), main: source('main.ts') }, started = ready }: StartOptions = {}): Promise<ServerProcess> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, ['--import', scripts.preload, scripts.main], {
    env: { ...process.env, PORT: String(port), HOST: '127.0.0.1', ADMIN_PORT: String(adminPort), WARMUP_ITERATIONS: '1', LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let log = '';
  child.stdout.on('data', (text) => (log += String(text)));
  child.stderr.on('data', (text) => (log += String(text)));
  const exit = once(child, 'exit').then(([code]) => code as number | null);
  const at = { url: `http://127.0.0.1:${String(port)}`, admin: `http://127.0.0.1:${String(adminPort)}` };
  await until(() => started(at), Boolean, 60_000);
  return { child, ...at, exit, log: () => log };
}
