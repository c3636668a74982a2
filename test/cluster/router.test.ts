// The router as the process it is, against a real API server: what it follows, what it survives, how it leaves.
// Endpoints are only counted here (an API server takes no loopback addresses); traffic is tested beside the router's source.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { LABELS, RouterReport } from '@slipway/api';
import { CONFIG_MAPS, ENDPOINT_SLICES } from '@slipway/kube';
import type { KubeObject } from '@slipway/kube';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../tools/cluster/wait.ts';
import { startControlPlane } from './support/control-plane.ts';
import type { ControlPlane } from './support/control-plane.ts';
import { freePort } from '../../tools/free-port.ts';

const MAIN = path.join(import.meta.dirname, '../../router/src/main.ts');

let plane: ControlPlane;
let folder: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  plane = await startControlPlane();
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-router-test-'));
});
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => ended(child, 'SIGKILL')));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await plane.stop();
});

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.kill(signal);
  });
}

interface Running {
  child: ChildProcess;
  log: () => string;
  get: (at: string) => Promise<{ status: number; text: string }>;
  report: () => Promise<RouterReport['entries']>;
}

/** A relay to the API server, whose outage is an outage of the API server for whoever goes through it. */
interface Relay {
  kubeconfig: string;
  up(): Promise<void>;
  down(): Promise<void>;
}

async function relayed(): Promise<Relay> {
  const port = await freePort();
  const target = Number(new URL(plane.server.url).port);
  const kubeconfig = path.join(folder, `kubeconfig-${port}`);
  writeFileSync(kubeconfig, readFileSync(plane.server.kubeconfig, 'utf8').replaceAll(plane.server.url, `https://127.0.0.1:${port}`));
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  const pipe = (from: Socket): void => {
    const to = connect(target, '127.0.0.1');
    for (const [socket, other] of [[from, to], [to, from]] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  };
  return {
    kubeconfig,
    up: () => new Promise((resolve) => (server = createServer(pipe)).listen(port, '127.0.0.1', resolve)),
    down: () =>
      new Promise((resolve) => {
        if (server === undefined) return resolve();
        server.close(() => resolve());
        sockets.forEach((socket) => socket.destroy());
        server = undefined;
      }),
  };
}

async function start(kubeconfig: string): Promise<Running> {
  const adminPort = await freePort();
  const env = { PATH: process.env['PATH'], KUBECONFIG: kubeconfig, HOST: '127.0.0.1', ADMIN_PORT: String(adminPort), STATE_DIR: path.join(folder, 'state'), DRAIN_DELAY_SECONDS: '0', POD_NAMESPACE: 'default', POD_NAME: 'router-a' };
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const get = async (at: string): Promise<{ status: number; text: string }> => {
    const answer = await fetch(`http://127.0.0.1:${adminPort}${at}`, { signal: AbortSignal.timeout(5000) });
    return { status: answer.status, text: await answer.text() };
  };
  return { child, log: () => output, get, report: async () => RouterReport.parse(JSON.parse((await get('/routes')).text)).entries };
}

const soon = (condition: () => Promise<boolean>, running: Running): Promise<unknown> =>
  until(() => condition().catch(() => false), { timeoutMs: 20_000, everyMs: 20, otherwise: () => `it never came true; the log:\n${running.log()}` });

const onDisk = (): string => readFileSync(path.join(folder, 'state', 'table.json'), 'utf8');

const ports: { public: number; preview: number } = { public: 0, preview: 0 };

function routeMap(sequence: number, labels: Record<string, string> = { [LABELS.route]: 'true' }): KubeObject {
  const backends = [{ revision: 'svc-1', role: 'stable', weight: 100, modelVersion: 'v1' }];
  const entry = { schema: 1, uid: 'uid-1', sequence, namespace: 'default', name: 'svc', ports, targetPort: 3000, backends, timeoutSeconds: 5, retry: 'Auto' };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'svc-route', namespace: 'default', labels }, data: { 'route.json': JSON.stringify(entry) } };
}

function slice(addresses: string[]): KubeObject {
  const endpoints = addresses.map((address) => ({ addresses: [address], conditions: { ready: true } }));
  return { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'svc-1-abc', namespace: 'default', labels: { [LABELS.revision]: 'svc-1' } }, addressType: 'IPv4', endpoints, ports: [{ name: 'http', port: 3000 }] };
}

const apply = (type: typeof CONFIG_MAPS, object: KubeObject): Promise<KubeObject> => plane.client.apply(type, object, { fieldManager: 'test', force: true });

const state = async (router: Running): Promise<RouterReport['entries'][number] | undefined> => (await router.report())[0];

/** The line of the value, whole: the help text of the metric begins with a 1, too. */
const synced = async (router: Running): Promise<boolean> => /^slipway_router_synced 1$/m.test((await router.get('/metrics')).text);

describe('the router process', () => {
  let relay: Relay;
  beforeAll(async () => {
    relay = await relayed();
    await relay.up();
  });
  afterAll(() => relay.down());

  it('follows its namespace, acknowledges what it serves and refuses what is older', async () => {
    Object.assign(ports, { public: await freePort(), preview: await freePort() });
    const router = await start(relay.kubeconfig);
    await soon(async () => (await router.get('/readyz')).status === 200, router);
    expect(await router.report()).toEqual([]);
    await apply(CONFIG_MAPS, routeMap(2));
    await apply(ENDPOINT_SLICES, slice(['10.244.0.5', '10.244.0.6']));
    await soon(async () => (await state(router))?.endpoints['svc-1'] === 2, router);
    expect(await state(router)).toMatchObject({ uid: 'uid-1', name: 'svc', sequence: 2, listening: true });
    await apply(CONFIG_MAPS, routeMap(1));
    await soon(async () => (await state(router))?.refused !== undefined, router);
    expect(await state(router)).toMatchObject({ sequence: 2, listening: true, refused: 'sequence 1 is older than 2' });
    await apply(CONFIG_MAPS, routeMap(3));
    await soon(async () => (await state(router))?.sequence === 3, router);
    expect((await state(router))?.refused).toBeUndefined();
    expect((await fetch(`http://127.0.0.1:${ports.preview}/`)).status).toBe(503);
  });

  it('serves through an outage of the API server and its own restart, and catches up afterwards', async () => {
    const before = await start(relay.kubeconfig);
    await soon(() => synced(before), before);
    expect(await state(before)).toMatchObject({ sequence: 3, endpoints: { 'svc-1': 2 } });
    await soon(() => Promise.resolve(onDisk().includes('"sequence\\":3')), before);
    await relay.down();
    await apply(ENDPOINT_SLICES, slice(['10.244.0.6']));
    expect(await state(before)).toMatchObject({ sequence: 3, endpoints: { 'svc-1': 2 } });
    await ended(before.child, 'SIGKILL');

    const after = await start(relay.kubeconfig);
    await soon(async () => (await after.get('/readyz')).status === 200, after);
    expect(await state(after)).toMatchObject({ sequence: 3, listening: true, endpoints: { 'svc-1': 2 } });
    expect(await synced(after)).toBe(false);
    await relay.up();
    await soon(async () => (await state(after))?.endpoints['svc-1'] === 1, after);
    expect(await synced(after)).toBe(true);
    expect(await ended(after.child, 'SIGTERM')).toBe(0);
  });

  it('answers its probes while it has never had a table, and is not ready', async () => {
    rmSync(path.join(folder, 'state'), { recursive: true, force: true });
    await relay.down();
    const router = await start(relay.kubeconfig);
    await soon(async () => (await router.get('/healthz')).status === 200, router);
    expect(await router.get('/readyz')).toMatchObject({ status: 503, text: expect.stringMatching(/no table yet/) as unknown });
    await relay.up();
    await soon(async () => (await router.get('/readyz')).status === 200, router);
    expect(await state(router)).toMatchObject({ sequence: 3, listening: true });
  });
});
