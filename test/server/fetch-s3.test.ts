// slipway-fetch against a real S3 server (MinIO): whole prefixes and archives, resumed reads over a line that breaks, overwritten
// objects, and every refusal named.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { CreateBucketCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { FetchedPackage, TerminationReport } from '@slipway/api';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { tarGz } from '../../router/src/fetch/test-archives.ts';
import { clientOf, MINIO_KEYS, startMinio, type Minio } from '../support/minio.ts';

const MAIN = path.join(import.meta.dirname, '../../router/src/fetch/main.ts');

let minio: Minio | undefined;
let endpoint: string;
let client: S3Client | undefined;
let folder: string;
const proxies: net.Server[] = [];

beforeAll(async () => {
  minio = await startMinio(() => undefined);
  endpoint = minio.endpoint;
  client = clientOf(minio);
  await client.send(new CreateBucketCommand({ Bucket: 'models' }));
}, 600_000);

afterAll(async () => {
  client?.destroy();
  await minio?.stop();
});

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-s3-'));
});
afterEach(async () => {
  for (const proxy of proxies.splice(0)) await new Promise((resolve) => proxy.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

const put = async (key: string, content: string | Buffer): Promise<unknown> =>
  client?.send(new PutObjectCommand({ Bucket: 'models', Key: key, Body: content }));

interface Ended {
  code: number | null;
  output: string;
}

function fetchPackage(storageUri: string, env: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      ...MINIO_KEYS,
      PATH: process.env['PATH'] ?? '',
      STORAGE_URI: storageUri,
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: 'us-east-1',
      DEST: folder,
      TERMINATION_LOG: path.join(folder, 'termination-log'),
      FETCH_PORT: '0',
      ...env,
    },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => { output += String(chunk); });
  child.stderr.on('data', (chunk: Buffer) => { output += String(chunk); });
  return new Promise((resolve) => child.once('close', (code) => { resolve({ code, output }); }));
}

const installed = (): FetchedPackage => FetchedPackage.parse(JSON.parse(readFileSync(path.join(folder, '.slipway/fetched.json'), 'utf8')));
const report = (): TerminationReport => TerminationReport.parse(JSON.parse(readFileSync(path.join(folder, 'termination-log'), 'utf8')));
const content = (name: string): Buffer => readFileSync(path.join(folder, installed().path, name));

test('a prefix is one package, with its folders, and nothing of its neighbours', async () => {
  const weights = randomBytes(3_000_000);
  await put('sentiment/v2/model.json', '{}');
  await put('sentiment/v2/assets/weights.bin', weights);
  await put('sentiment/v20/model.json', 'another model');
  expect(await fetchPackage('s3://models/sentiment/v2')).toMatchObject({ code: 0 });
  expect(readdirSync(path.join(folder, installed().path)).sort()).toEqual(['assets', 'model.json']);
  expect(content('assets/weights.bin').equals(weights)).toBe(true);
});

test('more objects than one page of a listing', async () => {
  const names = Array.from({ length: 1100 }, (_, index) => `part-${String(index).padStart(4, '0')}`);
  for (let start = 0; start < names.length; start += 50) {
    await Promise.all(names.slice(start, start + 50).map((name) => put(`many/${name}`, name)));
  }
  expect(await fetchPackage('s3://models/many/')).toMatchObject({ code: 0 });
  expect(readdirSync(path.join(folder, installed().path))).toEqual(names);
});

test('numbered folders serve the highest, an archive is unpacked', async () => {
  await put('numbered/2/a', 'two');
  await put('numbered/10/a', 'ten');
  expect(await fetchPackage('s3://models/numbered')).toMatchObject({ code: 0 });
  expect(String(content('a'))).toBe('ten');
  await put('packed.tar.gz', tarGz([{ name: 'm/a', content: 'packed' }]));
  expect(await fetchPackage('s3://models/packed.tar.gz')).toMatchObject({ code: 0 });
  expect(String(content('a'))).toBe('packed');
});

/** A line to MinIO whose first connections break after so many bytes of an answer; `onBreak` is told before the next one opens. */
async function breakingLine(breaks: number, bytes: number, onBreak: () => Promise<unknown> = () => Promise.resolve()): Promise<{ endpoint: string; bytes: () => number }> {
  let left = breaks;
  let all = 0;
  const proxy = net.createServer((socket) => {
    const { hostname, port } = new URL(endpoint);
    const upstream = net.connect(Number(port), hostname);
    let passed = 0;
    socket.on('error', () => upstream.destroy());
    upstream.on('error', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
    upstream.on('close', () => socket.end());
    socket.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => {
      passed += chunk.length;
      all += chunk.length;
      socket.write(chunk);
      if (passed <= bytes || left === 0) return;
      left--;
      upstream.pause();
      void onBreak().then(() => socket.end(() => upstream.destroy()));
    });
  });
  proxies.push(proxy);
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return { endpoint: `http://127.0.0.1:${String((proxy.address() as AddressInfo).port)}`, bytes: () => all };
}

test('a line that breaks three times is taken up again where it broke', async () => {
  const weights = randomBytes(8_000_000);
  await put('broken/weights.bin', weights);
  const line = await breakingLine(3, 2_000_000);
  const { code, output } = await fetchPackage('s3://models/broken', { AWS_ENDPOINT_URL: line.endpoint });
  expect(output).toContain('trying again');
  expect(code).toBe(0);
  expect(content('weights.bin').equals(weights)).toBe(true);
  expect(line.bytes()).toBeLessThan(12_000_000);
});

test('an object that is overwritten meanwhile is never joined with its former self', async () => {
  const [older, newer] = [randomBytes(8_000_000), randomBytes(8_000_000)];
  await put('changing/weights.bin', older);
  const { endpoint } = await breakingLine(1, 2_000_000, () => put('changing/weights.bin', newer));
  expect(await fetchPackage('s3://models/changing', { AWS_ENDPOINT_URL: endpoint })).toMatchObject({ code: 0 });
  expect(content('weights.bin').equals(newer)).toBe(true);
});

test.each([
  ['no such prefix', 's3://models/none', {}, 'DownloadNotFound'],
  ['no such bucket', 's3://nobucket/none', {}, 'DownloadNotFound'],
  ['no such archive', 's3://models/none.tar.gz', {}, 'DownloadNotFound'],
  ['an unknown key', 's3://models/sentiment/v2', { AWS_ACCESS_KEY_ID: 'stranger' }, 'DownloadForbidden'],
  ['a wrong secret', 's3://models/sentiment/v2', { AWS_SECRET_ACCESS_KEY: 'wrong' }, 'DownloadForbidden'],
  ['no credentials', 's3://models/sentiment/v2', { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_EC2_METADATA_DISABLED: 'true' }, 'DownloadForbidden'],
  ['another digest', 's3://models/sentiment/v2', { EXPECTED_SHA256: '0'.repeat(64) }, 'DigestMismatch'],
])('%s', async (_what, uri, env, reason) => {
  await put('sentiment/v2/model.json', '{}');
  expect(await fetchPackage(uri, env)).toMatchObject({ code: 1 });
  expect(report()).toMatchObject({ reason });
  expect(report().message).not.toContain(MINIO_KEYS.AWS_SECRET_ACCESS_KEY);
});
