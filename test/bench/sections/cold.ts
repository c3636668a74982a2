// The section that starts the server again and again with the sentiment model: package local, page cache empty, and downloaded first as the init
// container of a pod does it.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { FetchedPackage } from '@slipway/api';
import { exec } from '../../../tools/exec.ts';
import { serveSlipway, type Task } from '../contenders.ts';
import type { Cold } from '../results.ts';
import { taskOf, type Bench } from './load.ts';

const FETCH = path.resolve(import.meta.dirname, '..', '..', '..', 'router', 'src', 'fetch', 'main.ts');

/** Whether this machine lets us empty its page cache. */
function emptyPageCache(): boolean {
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '3');
    return true;
  } catch {
    return false;
  }
}

const filesBelow = (folder: string): string[] => readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));

async function startOnce(task: Task): Promise<number> {
  const served = await serveSlipway(task);
  await served.stop();
  return served.readyMs;
}

/** What answers with the package of a folder as an archive, on loopback. */
async function storeOf(folder: string, scratch: string): Promise<{ url: string; close: () => void }> {
  const archive = path.join(scratch, 'package.tar.gz');
  await exec(['tar', '-czf', archive, '-C', folder, '.']);
  const bytes = readFileSync(archive);
  const server = http.createServer((_request, response) => response.writeHead(200, { 'content-length': bytes.byteLength }).end(bytes));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/package.tar.gz`, close: () => server.close() };
}

/** Milliseconds of the download, from the start of its process to its end, and of the server's start with what was downloaded. */
async function fetchAndStart(task: Task, url: string): Promise<{ fetched: number; started: number }> {
  const folder = mkdtempSync(path.join(task.scratch, 'fetched-'));
  try {
    const began = performance.now();
    const env = { ...process.env, STORAGE_URI: url, FETCH_ALLOW_LOOPBACK_HTTP: 'true', DEST: folder, TERMINATION_LOG: path.join(folder, 'termination-log'), FETCH_PORT: '0' };
    await exec([process.execPath, FETCH], { env });
    const fetched = performance.now() - began;
    const { path: at } = JSON.parse(readFileSync(path.join(folder, '.slipway', 'fetched.json'), 'utf8')) as FetchedPackage;
    return { fetched, started: await startOnce({ ...task, model: path.join(folder, at) }) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function downloaded(task: Task, rounds: number): Promise<Cold[]> {
  const store = await storeOf(task.model, task.scratch);
  try {
    const all: { fetched: number; started: number }[] = [];
    for (let round = 0; round < rounds; round++) all.push(await fetchAndStart(task, store.url));
    return [
      { what: 'download before it (slipway-fetch)', ms: all.map(({ fetched }) => fetched) },
      { what: 'download, then start', ms: all.map(({ fetched, started }) => fetched + started) },
    ];
  } finally {
    store.close();
  }
}

/** From the start of the process to ready. */
export async function coldStarts({ settings, scratch, note }: Bench): Promise<Cold[]> {
  const task = taskOf('sentiment', scratch);
  for (const file of filesBelow(task.model)) readFileSync(file);
  const times = async (before: () => unknown): Promise<number[]> => {
    const all: number[] = [];
    for (let round = 0; round < settings.rounds; round++) {
      before();
      all.push(await startOnce(task));
    }
    return all;
  };
  await startOnce(task);
  const found: Cold[] = [{ what: 'page cache warm', ms: await times(() => undefined) }, ...(await downloaded(task, settings.rounds))];
  if (settings.emptyPageCache && emptyPageCache()) found.push({ what: 'page cache empty', ms: await times(emptyPageCache) });
  else note('no figure with an empty page cache: --empty-page-cache empties that of the whole machine, which needs root');
  return found;
}
