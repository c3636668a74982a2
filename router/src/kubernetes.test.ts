// When the router says that it has its table: the answers to its first two reads come when a test lets them, in any order.
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LABELS, ROUTE_KEY } from '@slipway/api';
import { createClient, createTransport, systemClock } from '@slipway/kube';
import type { KubeObject } from '@slipway/kube';
import { afterEach, describe, expect, it } from 'vitest';
import { createApp } from './app.ts';
import type { App } from './app.ts';
import type { Disk, Snapshot } from './disk.ts';
import { followKubernetes } from './kubernetes.ts';
import { createLog } from './log.ts';
import { freePort } from '../../tools/free-port.ts';
import { appOptions, backend, closeAll, listen, onClose, until } from './testing/harness.ts';

afterEach(closeAll);

type Collection = 'configmaps' | 'endpointslices';

/** An API server as far as two lists and watches go; a list is answered by `answer` alone, a watch says nothing until it is `told`. */
class Lists {
  private readonly asked = new Map<Collection, ServerResponse>();
  private readonly watches = new Map<Collection, ServerResponse>();
  private readonly server = createServer((request, response) => this.take(request, response));

  async start(): Promise<string> {
    const port = await listen(this.server);
    onClose(() => {
      this.server.close();
      this.server.closeAllConnections();
    });
    return `http://127.0.0.1:${port}`;
  }

  private take(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://x');
    const collection: Collection = pathname.endsWith('/configmaps') ? 'configmaps' : 'endpointslices';
    response.setHeader('content-type', 'application/json');
    if (searchParams.get('watch') === 'true') {
      this.watches.set(collection, response);
      response.flushHeaders();
    } else this.asked.set(collection, response);
  }

  /** Answers the list and resolves when the router has taken it in: it watches from there. */
  async answer(collection: Collection, items: KubeObject[]): Promise<void> {
    await until(() => this.asked.has(collection), `a list of ${collection}`);
    this.asked.get(collection)?.end(JSON.stringify({ kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: '10' }, items }));
    await until(() => this.watches.has(collection), `a watch of ${collection}`);
  }

  tell(collection: Collection, type: string, object: KubeObject): void {
    this.watches.get(collection)?.write(`${JSON.stringify({ type, object })}\n`);
  }
}

/** What is on disk, without one. */
class Kept implements Disk {
  snapshots: Snapshot[] = [];
  load = (): Promise<Snapshot | undefined> => Promise.resolve(this.snapshots.at(-1));
  save = (take: () => Snapshot): void => void this.snapshots.push(take());
  settled = (): Promise<void> => Promise.resolve();
}

interface Following {
  app: App;
  lists: Lists;
  kept: Kept;
}

async function follow(kept = new Kept()): Promise<Following> {
  const lists = new Lists();
  const connection = { server: await lists.start(), tls: {}, headers: () => Promise.resolve({}) };
  const client = createClient(createTransport({ connection, clock: systemClock, userAgent: 'test' }));
  const app = createApp(appOptions({ disk: kept }));
  onClose(() => app.close());
  await app.routes.loadFromDisk();
  const log = createLog('silent', {}, () => undefined);
  const following = followKubernetes({ client, clock: systemClock, namespace: 'ns', routes: app.routes, log, random: () => 0.5, withdrawDelayMs: 10_000 });
  onClose(async () => {
    await following.stop();
    await client.close();
  });
  return { app, lists, kept };
}

async function routeMap(sequence = 1, role: 'stable' | 'canary' = 'stable', ports?: { public: number; preview: number }): Promise<KubeObject> {
  const entry = { schema: 1, uid: 'u', sequence, namespace: 'ns', name: 'svc', ports: ports ?? { public: await freePort(), preview: await freePort() }, targetPort: 1, backends: [backend(role, 100, 'v1')], timeoutSeconds: 5, retry: 'Auto' };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'svc-route', namespace: 'ns', resourceVersion: String(sequence) }, data: { [ROUTE_KEY]: JSON.stringify(entry) } };
}

const slice = (revision: string, addresses: string[]): KubeObject =>
  ({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: `${revision}-x`, namespace: 'ns', resourceVersion: '5', labels: { [LABELS.revision]: revision } }, endpoints: addresses.map((address) => ({ addresses: [address] })) });

const served = (app: App): unknown => app.routes.report().entries.map(({ sequence, endpoints }) => ({ sequence, endpoints }));

describe('the first read', () => {
  it.each([['routes'], ['addresses']] as const)('that has brought the %s alone is no table, and leaves none on disk', async (first) => {
    const { app, lists, kept } = await follow();
    const map = await routeMap();
    const answers: Record<string, () => Promise<void>> = {
      routes: () => lists.answer('configmaps', [map]),
      addresses: () => lists.answer('endpointslices', [slice('svc-stable', ['127.0.0.9'])]),
    };
    await answers[first]?.();
    expect(app.routes.missing()).toMatch(/no table yet/);
    expect([served(app), kept.snapshots]).toEqual([[], []]);
    await answers[first === 'routes' ? 'addresses' : 'routes']?.();
    await until(() => app.routes.synced, 'synced');
    const whole = [{ sequence: 1, endpoints: { 'svc-stable': 1 } }];
    expect(served(app)).toEqual(whole);
    const restarted = await follow(kept);
    expect(served(restarted.app)).toEqual(whole);
  });

  it('of a table that was on disk changes it only as a whole: no route before the addresses of its revision', async () => {
    const before = await follow();
    const ports = { public: await freePort(), preview: await freePort() };
    await before.lists.answer('configmaps', [await routeMap(1, 'stable', ports)]);
    await before.lists.answer('endpointslices', [slice('svc-stable', ['127.0.0.9'])]);
    await until(() => before.app.routes.synced, 'synced');
    await before.app.close();

    const { app, lists } = await follow(before.kept);
    await lists.answer('configmaps', [await routeMap(2, 'canary', ports)]);
    expect(served(app)).toEqual([{ sequence: 1, endpoints: { 'svc-stable': 1 } }]);
    await lists.answer('endpointslices', [slice('svc-canary', ['127.0.0.8'])]);
    await until(() => app.routes.synced, 'synced');
    expect(served(app)).toEqual([{ sequence: 2, endpoints: { 'svc-canary': 1 } }]);
  });

  it('includes what changed between its two parts; what changes later is taken as it comes', async () => {
    const { app, lists } = await follow();
    const ports = { public: await freePort(), preview: await freePort() };
    await lists.answer('configmaps', [await routeMap(1, 'stable', ports)]);
    lists.tell('configmaps', 'MODIFIED', { ...(await routeMap(12, 'stable', ports)) });
    await lists.answer('endpointslices', [slice('svc-stable', ['127.0.0.9'])]);
    await until(() => app.routes.report().entries[0]?.sequence === 12, 'the change');
    lists.tell('configmaps', 'MODIFIED', { ...(await routeMap(13, 'stable', ports)) });
    await until(() => app.routes.report().entries[0]?.sequence === 13, 'the next change');
  });
});
