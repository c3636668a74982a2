// A real S3 (MinIO) on loopback that holds one package, and slipway-fetch as the image has it: a bundle that runs to its end. Must not
// know who serves what was fetched, nor print.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { ensurePrograms } from '../../tools/cluster/binaries.ts';
import { freePort } from '../../tools/free-port.ts';
import { bundle } from '../../tools/images/bundle.ts';
import { answersAt, start } from './processes.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const BUCKET = 'models';
const KEYS = { AWS_ACCESS_KEY_ID: 'slipway-bench', AWS_SECRET_ACCESS_KEY: 'slipway-bench-secret' };

export interface Download {
  /** The models folder that it filled, as a pod mounts it. */
  folder: string;
  /** Milliseconds from the start of slipway-fetch to its end. */
  ms: number;
}

export interface ObjectStore {
  /** Bytes of the package. */
  bytes: number;
  download(): Promise<Download>;
  stop(): Promise<void>;
}

export const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));

/** Starts the store with the files of the package; `note` is told if MinIO has to be built first. */
export async function storeWith(model: string, scratch: string, note: (line: string) => void): Promise<ObjectStore> {
  const { minio } = await ensurePrograms(['minio'], { report: note });
  const [folder, program] = [mkdtempSync(path.join(scratch, 'store-')), await fetchProgram(scratch)];
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const server = await start({
    command: [minio, 'server', folder, '--address', new URL(endpoint).host, '--quiet'],
    env: { HOME: folder, MINIO_ROOT_USER: KEYS.AWS_ACCESS_KEY_ID, MINIO_ROOT_PASSWORD: KEYS.AWS_SECRET_ACCESS_KEY, MINIO_BROWSER: 'off' },
    ready: answersAt(`${endpoint}/minio/health/ready`),
  });
  return {
    bytes: await upload(model, endpoint),
    download: () => fetchInto(mkdtempSync(path.join(scratch, 'mount-')), program, endpoint),
    stop: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function upload(model: string, endpoint: string): Promise<number> {
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId: KEYS.AWS_ACCESS_KEY_ID, secretAccessKey: KEYS.AWS_SECRET_ACCESS_KEY } });
  try {
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    let bytes = 0;
    for (const file of filesBelow(model)) {
      const content = readFileSync(file);
      await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: `package/${path.relative(model, file)}`, Body: content }));
      bytes += content.length;
    }
    return bytes;
  } finally {
    client.destroy();
  }
}

/** What the router's image has as /app/fetch.mjs. */
async function fetchProgram(scratch: string): Promise<string> {
  const { files } = await bundle(ROOT, { fetch: 'router/src/fetch/main.ts' });
  const folder = path.join(scratch, 'fetch');
  for (const { name, bytes } of files) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), bytes);
  }
  return path.join(folder, 'fetch.mjs');
}

/** @throws Error with what slipway-fetch said */
async function fetchInto(folder: string, program: string, endpoint: string): Promise<Download> {
  const env = { ...KEYS, PATH: process.env['PATH'], NODE_ENV: 'production', AWS_ENDPOINT_URL: endpoint, STORAGE_URI: `s3://${BUCKET}/package`, DEST: folder, FETCH_PORT: '0', TERMINATION_LOG: `${folder}.end` };
  const began = performance.now();
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let words = '';
  child.stdout.on('data', (chunk: Buffer) => (words += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`slipway-fetch ended with ${code}: ${words}`);
  return { folder, ms: performance.now() - began };
}
