// Starts real servers inside the test process (their workers run real TensorFlow) and talks to them. Everything is closed again.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readConfig, setNativeEnvironment } from '../../../server/src/config.ts';
import { startServer, type RunningServer } from '../../../server/src/server.ts';

export const ROOT = path.resolve(import.meta.dirname, '../../..');
export const MODELS = path.join(ROOT, 'models');

/** What JSON.parse gives: tests look into bodies freely. */
export type Loose = ReturnType<typeof JSON.parse>;

export interface Answer {
  status: number;
  headers: Headers;
  /** Parsed where it is JSON. */
  body: Loose;
}

export interface TestServer extends RunningServer, AsyncDisposable {
  url: string;
  admin: string;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
}

export async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const answer = await fetch(url, init);
  const text = await answer.text();
  const json = (answer.headers.get('content-type') ?? '').includes('json');
  return { status: answer.status, headers: answer.headers, body: json ? JSON.parse(text) : text };
}

/** A server on free ports. `settle` waits until its models are ready or failed. */
export async function serve(env: Record<string, string>, settle = true): Promise<TestServer> {
  const config = readConfig({ PORT: '0', ADMIN_PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent', DRAIN_DELAY_SECONDS: '0', ...env });
  setNativeEnvironment(process.env);
  const server = await startServer(config);
  if (settle) await server.settled;
  const url = `http://127.0.0.1:${String(server.port)}`;
  return {
    ...server,
    url,
    admin: `http://127.0.0.1:${String(server.adminPort)}`,
    get: (at, headers) => ask(`${url}${at}`, { headers: headers ?? {} }),
    post: (at, body, headers) => ask(`${url}${at}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body) }),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** Makes a call again and again without a pause until it is stopped; gives the answers that were not 200. */
export function steadily(call: () => Promise<Answer>): () => Promise<Answer[]> {
  const bad: Answer[] = [];
  let running = true;
  const lane = (async () => {
    while (running) {
      const answer = await call();
      if (answer.status !== 200) bad.push(answer);
    }
  })();
  return async () => {
    running = false;
    await lane;
    return bad;
  };
}

/** A folder that goes with the test. */
export function temporaryFolder(): { path: string } & Disposable {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-server-'));
  return { path: folder, [Symbol.dispose]: () => { rmSync(folder, { recursive: true, force: true }); } };
}

/** Waits for a condition by asking again; fails with what was seen last. */
export async function until<T>(look: () => T | Promise<T>, good: (seen: T) => boolean, limitMs = 20_000): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (good(seen)) return seen;
    if (performance.now() > end) throw new Error(`condition not met within ${String(limitMs)} ms; last seen: ${String(JSON.stringify(seen)).slice(0, 400)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
