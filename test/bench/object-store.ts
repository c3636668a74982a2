// A real S3 (MinIO) on loopback that holds one package, and slipway-fetch as the image has it: a bundle that runs to its end. Must not
// know who serves what was fetched, nor print.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { bundle } from '../../tools/images/bundle.ts';
import { clientOf, MINIO_KEYS, startMinio, type Minio } from '../support/minio.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const BUCKET = 'models';

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
  const program = await fetchProgram(scratch);
  const minio = await startMinio(note);
  return {
    bytes: await upload(model, minio),
    download: () => fetchInto(mkdtempSync(path.join(scratch, 'mount-')), program, minio.endpoint),
    stop: () => minio.stop(),
  };
}

async function upload(model: string, minio: Minio): Promise<number> {
  const client = clientOf(minio);
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
  const env = { ...MINIO_KEYS, PATH: process.env['PATH'], NODE_ENV: 'production', AWS_ENDPOINT_URL: endpoint, STORAGE_URI: `s3://${BUCKET}/package`, DEST: folder, FETCH_PORT: '0', TERMINATION_LOG: `${folder}.end` };
  const began = performance.now();
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let words = '';
  child.stdout.on('data', (chunk: Buffer) => (words += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`slipway-fetch ended with ${code}: ${words}`);
  return { folder, ms: performance.now() - began };
}
