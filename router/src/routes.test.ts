// The table as it lives: what is listened on, reported, refused, kept on disk and served again after a restart.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { RouterReport } from '@slipway/api';
import type { RouteEntry } from '@slipway/api';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../../tools/free-port.ts';
import { startAdmin } from './admin.ts';
import { createApp } from './app.ts';
import type { App } from './app.ts';
import { createDisk } from './disk.ts';
import { appOptions, backend, call, closeAll, http1Pod, listen, metricOf, onClose, startRouter, until } from './testing/harness.ts';

afterEach(closeAll);

async function folder(): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'slipway-router-'));
  onClose(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

function newApp(over: Parameters<typeof appOptions>[0] = {}): App {
  const app = createApp(appOptions(over));
  onClose(() => app.close());
  return app;
}

async function entryText(over: Partial<RouteEntry> = {}): Promise<string> {
  const ports = { public: await freePort(), preview: await freePort() };
  const entry = { schema: 1, uid: 'u', sequence: 1, namespace: 'ns', name: 'svc', ports, targetPort: 1, backends: [backend('stable', 100, 'v1')], timeoutSeconds: 5, retry: 'Auto', ...over };
  return JSON.stringify(entry);
}

describe('readiness and report', () => {
  it('is not ready before there is a table, then lists what is served', async () => {
    const app = newApp();
    const admin = await startAdmin({ port: 0, host: '127.0.0.1', missing: () => app.routes.missing(), metrics: () => app.metricsText(), report: () => app.routes.report() });
    onClose(() => admin.close());
    const get = (at: string): ReturnType<typeof call> => call(admin.port, { path: at });
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).text).toMatch(/no table yet/);
    app.routes.offer('svc-route', await entryText({ sequence: 3 }));
    app.routes.offer('bad-route', '{');
    app.routes.setAddresses(new Map([['svc-stable', ['127.0.0.1', '127.0.0.2']]]));
    app.routes.markSynced(new Set(['svc-route', 'bad-route']));
    await app.whenListening();
    expect((await get('/readyz')).status).toBe(200);
    const report = RouterReport.parse(JSON.parse((await get('/routes')).text));
    expect(report).toMatchObject({
      pod: 'router-0',
      entries: [
        { uid: 'u', name: 'svc', sequence: 3, listening: true, endpoints: { 'svc-stable': 2 } },
        { name: 'bad-route', sequence: 0, listening: false, refused: expect.stringMatching(/not JSON/) as unknown },
      ],
    });
    const text = (await get('/metrics')).text;
    expect(metricOf(text, 'slipway_router_table_sequence', 'inferenceservice="svc"')).toBe(3);
    expect(metricOf(text, 'slipway_router_entry_refused', 'source="bad-route"')).toBe(1);
    expect(metricOf(text, 'slipway_router_endpoints', 'revision="svc-stable"')).toBe(2);
    expect(metricOf(text, 'slipway_router_synced')).toBe(1);
    expect(metricOf(text, 'process_resident_memory_bytes')).toBeGreaterThan(1e7);
    expect((await get('/predict')).status).toBe(404);
    expect((await call(admin.port, { method: 'POST', path: '/routes' })).status).toBe(405);
  });

  it('reports a refused change beside the entry that keeps serving', async () => {
    const pod = await http1Pod((_req, res) => res.end('still'));
    const router = await startRouter({ targetPort: pod.port, route: { sequence: 5 } });
    router.pods({ stable: [pod] });
    router.route({ sequence: 2 });
    const text = JSON.stringify({ ...JSON.parse(router.app.routes.table.entries.get('svc-route')?.text ?? ''), sequence: 4 });
    router.app.routes.offer('svc-route', text);
    expect(router.app.routes.report().entries[0]).toMatchObject({ sequence: 6, listening: true, refused: 'sequence 4 is older than 6' });
    expect((await router.call()).text).toBe('still');
  });

  it('is not ready while a port is taken by another process, and gets it when that goes', async () => {
    const squatter = net.createServer();
    const port = await listen(squatter);
    const app = newApp();
    app.routes.offer('svc-route', await entryText({ ports: { public: port, preview: await freePort() } }));
    app.routes.markSynced(new Set(['svc-route']));
    await until(() => app.routes.report().entries[0]?.listening === false, 'reported as not listening');
    expect(app.routes.missing()).toMatch(/not every port/);
    await new Promise((resolve) => squatter.close(resolve));
    await app.whenListening();
    expect(app.routes.missing()).toBeUndefined();
    expect(app.routes.report().entries[0]?.listening).toBe(true);
  });

  it('opens and closes ports with the table', async () => {
    const pod = await http1Pod((_req, res) => res.end('ok'));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const moved = { public: await freePort(), preview: await freePort() };
    router.route({ ports: moved });
    await router.app.whenListening();
    expect((await call(moved.public)).text).toBe('ok');
    await expect(call(router.port)).rejects.toThrow();
  });
});

describe('an entry whose source goes', () => {
  it('is served a while longer, and as if nothing had been when it comes back', async () => {
    const pod = await http1Pod((_req, res) => res.end('ok'));
    const router = await startRouter({ targetPort: pod.port, app: { withdrawDelayMs: 60_000 } });
    router.pods({ stable: [pod] });
    const { text } = router.app.routes.table.entries.get('svc-route') ?? { text: '' };
    router.app.routes.withdraw('svc-route');
    expect((await router.call()).text).toBe('ok');
    router.app.routes.offer('svc-route', text);
    expect((await router.call()).text).toBe('ok');
  });

  it('is gone after that, with its metrics when they are tidied', async () => {
    const pod = await http1Pod((_req, res) => res.end('ok'));
    const router = await startRouter({ targetPort: pod.port, app: { withdrawDelayMs: 10 } });
    router.pods({ stable: [pod] });
    await router.call();
    expect(router.app.metricsText()).toContain('svc-stable');
    router.app.routes.withdraw('svc-route');
    await until(() => router.app.routes.table.entries.size === 0, 'entry gone');
    router.app.metrics.keep((isvc, revision) => router.app.routes.knows(isvc, revision));
    expect(router.app.metricsText()).not.toContain('svc-stable');
  });
});

describe('the copy on disk', () => {
  it('is not written while it is being read: a router killed then would lose the rest', async () => {
    const saved: string[][] = [];
    const text = await entryText();
    const snapshot = { sources: new Map([['a-route', text]]), addresses: new Map([['svc-stable', ['127.0.0.1']]]) };
    const app = newApp({ disk: { load: () => Promise.resolve(snapshot), save: (take) => saved.push([...take().sources.keys()]), settled: () => Promise.resolve() } });
    await app.routes.loadFromDisk();
    app.routes.setAddresses(new Map());
    expect(saved).toEqual([['a-route']]);
  });

  it('serves after a restart without anybody to ask, until the news come', async () => {
    const pod = await http1Pod((_req, res) => res.end('from disk'));
    const file = path.join(await folder(), 'sub', 'table.json');
    const errors: unknown[] = [];
    const disk = createDisk(file, (error) => errors.push(error));
    const before = await startRouter({ targetPort: pod.port, disk });
    before.pods({ stable: [pod] });
    await disk.settled();
    await before.app.close();

    const after = newApp({ disk: createDisk(file, (error) => errors.push(error)) });
    await after.routes.loadFromDisk();
    await after.whenListening();
    expect(after.routes.missing()).toBeUndefined();
    expect(metricOf(after.metricsText(), 'slipway_router_synced')).toBe(0);
    expect((await call(before.port)).text).toBe('from disk');
    // What has gone meanwhile is withdrawn at the first complete read.
    after.routes.markSynced(new Set());
    await until(() => after.routes.table.entries.size === 0, 'entry gone');
    expect(errors).toEqual([]);
  });

  it.each([['nothing', ''], ['half a file', '{"format":1,"sources":{"a"'], ['another format', '{"format":9}'], ['odd content', '{"format":1,"sources":{"a":1},"addresses":{}}']])(
    'that holds %s is told about and ignored',
    async (_what, content) => {
      const file = path.join(await folder(), 'table.json');
      await writeFile(file, content);
      const errors: unknown[] = [];
      const app = newApp({ disk: createDisk(file, (error) => errors.push(error)) });
      await app.routes.loadFromDisk();
      expect(errors).toHaveLength(1);
      expect(app.routes.missing()).toMatch(/no table yet/);
    },
  );

  it('is none on the first start, which is no error', async () => {
    const errors: unknown[] = [];
    expect(await createDisk(path.join(await folder(), 'table.json'), (error) => errors.push(error)).load()).toBeUndefined();
    expect(errors).toEqual([]);
  });

  it('ends up with the newest state, however fast it changes, and never half written', async () => {
    const file = path.join(await folder(), 'table.json');
    const disk = createDisk(file, (error) => expect.fail(String(error)));
    for (let i = 0; i <= 200; i++) {
      disk.save(() => ({ sources: new Map([['a', `text ${i}`]]), addresses: new Map() }));
      if (i % 20 === 0) await readFile(file, 'utf8').then((text) => JSON.parse(text) as unknown, () => undefined);
    }
    await disk.settled();
    expect((await disk.load())?.sources.get('a')).toBe('text 200');
  });

  it('does not keep the router from serving when it cannot be written', async () => {
    const pod = await http1Pod((_req, res) => res.end('ok'));
    const dir = await folder();
    await writeFile(path.join(dir, 'file'), '');
    const errors: unknown[] = [];
    const disk = createDisk(path.join(dir, 'file', 'table.json'), (error) => errors.push(error));
    const router = await startRouter({ targetPort: pod.port, disk });
    router.pods({ stable: [pod] });
    await disk.settled();
    expect(errors.length).toBeGreaterThan(0);
    expect((await router.call()).text).toBe('ok');
  });
});
