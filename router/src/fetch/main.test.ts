// slipway-fetch as the process Kubernetes starts: exit status, termination message, progress while it runs, SIGTERM, a full disk.
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { FetchProgress, TerminationReport } from '@slipway/api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort } from '../../../tools/free-port.ts';

const MAIN = path.join(import.meta.dirname, 'main.ts');

let folder: string;
let server: http.Server | undefined;
let child: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-fetch-main-'));
});
afterEach(async () => {
  child?.kill('SIGKILL');
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  [server, child] = [undefined, undefined];
  rmSync(folder, { recursive: true, force: true });
});

async function serve(listener: http.RequestListener): Promise<string> {
  server = http.createServer(listener);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/m.tar.gz`;
}

const environment = (env: Record<string, string>): Record<string, string> => ({
  DEST: path.join(folder, 'models'),
  TERMINATION_LOG: path.join(folder, 'termination-log'),
  FETCH_ALLOW_LOOPBACK_HTTP: 'true',
  FETCH_PORT: '0',
  ...env,
});

function start(env: Record<string, string>, command = [process.execPath, MAIN]): { ended: Promise<{ code: number | null; output: string }> } {
  const started = spawn(command[0] ?? '', command.slice(1), { env: { PATH: process.env['PATH'] ?? '', ...environment(env) } });
  child = started;
  let output = '';
  started.stdout.on('data', (chunk: Buffer) => { output += String(chunk); });
  started.stderr.on('data', (chunk: Buffer) => { output += String(chunk); });
  return { ended: once(started, 'close').then(([code]) => ({ code: code as number | null, output })) };
}

const report = (): TerminationReport => TerminationReport.parse(JSON.parse(readFileSync(path.join(folder, 'termination-log'), 'utf8')));

test('a failure ends with status 1 and one line of JSON; the log has the remedy', async () => {
  const url = await serve((_request, response) => void response.writeHead(403).end());
  const { code, output } = await start({ STORAGE_URI: `${url}?signature=hush` }).ended;
  expect(code).toBe(1);
  expect(report()).toEqual({ reason: 'DownloadForbidden', message: expect.stringMatching(/answered 403$/) });
  expect(output).toMatch(/fetch: failed: DownloadForbidden: .*answered 403\. Check the credentials/);
  expect(output + report().message).not.toContain('hush');
});

test.each([[403, 'a refusal that repeats the token, as S3 does'], [500, 'a fault']])('keys are shown to the store and to nobody else: %i, %s', { timeout: 120_000 }, async (status) => {
  const canary = 'hush-9f2c-canary';
  let shown = '';
  const url = await serve((request, response) => {
    shown += `${request.headers.authorization ?? ''} ${String(request.headers['x-amz-security-token'])}`;
    response.writeHead(status).end(`<Error><Code>InvalidToken</Code><Message>denied</Message><Token-0>${String(request.headers['x-amz-security-token'])}</Token-0></Error>`);
  });
  const keys = { AWS_ACCESS_KEY_ID: 'known', AWS_SECRET_ACCESS_KEY: canary, AWS_SESSION_TOKEN: `${canary}-token`, AWS_ENDPOINT_URL: new URL(url).origin, AWS_REGION: 'eu-west-1' };
  const { output } = await start({ STORAGE_URI: 's3://bucket/model', FETCH_DEADLINE_SECONDS: '8', ...keys }).ended;
  expect(shown, 'the keys were in use').toContain(`${canary}-token`);
  expect(output).toContain('fetch:');
  expect(output + readFileSync(path.join(folder, 'termination-log'), 'utf8')).not.toContain(canary);
});

test('without STORAGE_URI it says so', async () => {
  expect((await start({}).ended).code).toBe(1);
  expect(report()).toEqual({ reason: 'ConfigInvalid', message: expect.stringContaining('STORAGE_URI is not set') });
});

test('progress is served while it downloads; SIGTERM ends it at once and keeps what is there', async () => {
  const sent = 2_000_000;
  const url = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': 10_000_000, etag: '"x"' });
    response.write(Buffer.alloc(sent, 1));
  });
  const port = await freePort();
  const { ended } = start({ STORAGE_URI: url, FETCH_PORT: String(port) });
  const progress = await until(port, (seen) => seen.bytesDone === sent);
  expect(progress).toMatchObject({ phase: 'Downloading', bytesTotal: 10_000_000, attempt: 1 });
  child?.kill('SIGTERM');
  expect((await ended).code).toBe(1);
  expect(report()).toMatchObject({ reason: 'DownloadInterrupted', message: expect.stringContaining('SIGTERM') });
});

/** Asks for the progress until it is as wanted. */
async function until(port: number, wanted: (progress: FetchProgress) => boolean): Promise<FetchProgress> {
  for (;;) {
    const text = await fetch(`http://127.0.0.1:${String(port)}/progress`).then((answer) => answer.text(), () => undefined);
    const progress = text === undefined ? undefined : FetchProgress.parse(JSON.parse(text));
    if (progress !== undefined && wanted(progress)) return progress;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('the deadline ends it and names what it was waiting for', async () => {
  const url = await serve(() => undefined);
  const { code } = await start({ STORAGE_URI: url, FETCH_DEADLINE_SECONDS: '1' }).ended;
  expect(code).toBe(1);
  expect(report()).toMatchObject({ reason: 'DownloadTimeout', message: expect.stringContaining('deadline of 1 s') });
});

test('the deadline is put off while bytes arrive', async () => {
  const url = await serve((_request, response) => {
    response.writeHead(200);
    const drip = setInterval(() => response.write('.'), 50);
    response.once('close', () => clearInterval(drip));
    setTimeout(() => { clearInterval(drip); response.end('no archive'); }, 2_500);
  });
  const { code } = await start({ STORAGE_URI: url, FETCH_DEADLINE_SECONDS: '1' }).ended;
  expect(code).toBe(1);
  expect(report().reason, 'all of it came, and only then it turned out to be nothing').toBe('ArchiveInvalid');
});

const canMount = process.getuid?.() === 0 && ((): boolean => {
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

test.runIf(canMount)('a disk that fills up on the way is named', async () => {
  const url = await serve((_request, response) => {
    response.writeHead(200);
    response.end(Buffer.alloc(4_000_000, 1));
  });
  const script = `mkdir -p "$DEST" && mount -t tmpfs -o size=1m none "$DEST" && exec "${process.execPath}" "${MAIN}"`;
  const { code, output } = await start({ STORAGE_URI: url }, ['unshare', '--mount', 'sh', '-c', script]).ended;
  expect(code).toBe(1);
  expect(report()).toMatchObject({ reason: 'DiskFull' });
  expect(output).toContain('ephemeral-storage');
});
