// A real S3 (MinIO): built where the cache lacks it, started on a free port of 127.0.0.1 or wherever it is told, waited for, and ended with all
// that it holds, also when the process that started it ends first. Must not know what is kept in it.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { ensurePrograms } from '../../tools/cluster/binaries.ts';
import { until } from '../../tools/cluster/wait.ts';
import { freePort } from '../../tools/free-port.ts';

export interface Minio {
  /** `http://ADDRESS:PORT`. */
  readonly endpoint: string;
  /** A folder that goes with it. */
  readonly folder: string;
  /** Ends it and removes its folder. May be called twice. */
  stop(): Promise<void>;
}

/** Where it runs, if not on 127.0.0.1 among its callers. */
export interface Place {
  /** `ADDRESS:PORT` to listen on. */
  readonly address: string;
  /** The command that runs another one there. */
  readonly inside: readonly string[];
  /** Whether a URL has a good answer there. */
  answers: (url: string) => Promise<boolean>;
}

/** The only keys that it knows, as the environment of who calls it. */
export const MINIO_KEYS = { AWS_ACCESS_KEY_ID: 'slipway-tests', AWS_SECRET_ACCESS_KEY: 'open-for-tests-only' } as const;

const READY_MS = 60_000;
const ANSWER_MS = 1_000;
const LAST_WORDS = 2_000;

/** `note` is told if it has to be built first. @throws Error with its last words if it does not become ready */
export async function startMinio(note: (line: string) => void, place?: Place): Promise<Minio> {
  const { minio } = await ensurePrograms(['minio'], { report: note });
  const { address, inside, answers } = place ?? { address: `127.0.0.1:${await freePort()}`, inside: [], answers: answersHere };
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-minio-'));
  const env = { ...process.env, HOME: folder, MINIO_ROOT_USER: MINIO_KEYS.AWS_ACCESS_KEY_ID, MINIO_ROOT_PASSWORD: MINIO_KEYS.AWS_SECRET_ACCESS_KEY, MINIO_BROWSER: 'off' };
  const [program = minio, ...args] = [...inside, minio, 'server', path.join(folder, 'data'), '--address', address, '--quiet'];
  const server = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = (): void => void server.kill('SIGKILL');
  process.once('exit', kill);
  const started = {
    endpoint: `http://${address}`,
    folder,
    stop: async () => {
      process.off('exit', kill);
      await killed(server);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await untilReady(server, () => answers(`${started.endpoint}/minio/health/ready`));
    return started;
  } catch (error) {
    await started.stop();
    throw error;
  }
}

/** A client for somebody on the same side; who asked for it destroys it. */
export const clientOf = ({ endpoint }: Minio): S3Client =>
  new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId: MINIO_KEYS.AWS_ACCESS_KEY_ID, secretAccessKey: MINIO_KEYS.AWS_SECRET_ACCESS_KEY } });

const answersHere = (url: string): Promise<boolean> => fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) }).then((answer) => answer.ok, () => false);

const hasEnded = ({ pid, exitCode, signalCode }: ChildProcess): boolean => pid === undefined || exitCode !== null || signalCode !== null;

async function untilReady(server: ChildProcess, ready: () => Promise<boolean>): Promise<void> {
  let words = '';
  for (const stream of [server.stdout, server.stderr]) stream?.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-LAST_WORDS)));
  await once(server, 'spawn');
  const otherwise = (): string => `MinIO is not ready: ${words}`;
  await until(() => {
    if (hasEnded(server)) throw new Error(otherwise());
    return ready();
  }, { timeoutMs: READY_MS, everyMs: 50, otherwise });
}

async function killed(server: ChildProcess): Promise<void> {
  if (hasEnded(server)) return;
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGKILL');
  await ended;
}
