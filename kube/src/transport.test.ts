// The transport against a local HTTP server: one pool, credentials renewed on 401, every failure in the catalogue.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inClusterConnection } from './auth/in-cluster.ts';
import { manualClock, systemClock } from './clock.ts';
import { createClient } from './client.ts';
import { ApiError, TransportError, retryAfterMs } from './errors.ts';
import { CONFIG_MAPS } from './resources.ts';
import { createTransport } from './transport.ts';
import type { RequestReport } from './transport.ts';

let server: Server;
let sockets: number;
let handler: RequestListener;
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  sockets = 0;
  server = createServer((request, response) => handler(request, response));
  server.on('connection', () => sockets++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const clientOf = (headers: (fresh: boolean) => Promise<Record<string, string>> = () => Promise.resolve({}), prefix = '') => {
  const reports: RequestReport[] = [];
  const connection = { server: `${origin()}${prefix}`, tls: {}, headers };
  const client = createClient(createTransport({ connection, clock: systemClock, userAgent: 'slipway-test', onRequest: (r) => reports.push(r) }));
  closers.push(() => client.close());
  return { client, reports };
};
const ref = { type: CONFIG_MAPS, namespace: 'n', name: 'x' };

describe('transport', () => {
  it('two hundred requests in a row use one connection (two at most: the pool opens the next while the first body ends)', async () => {
    handler = (_request, response) => response.end('{}');
    const { client, reports } = clientOf();
    for (let i = 0; i < 200; i++) await client.get(ref);
    expect(sockets).toBeLessThanOrEqual(2);
    expect(reports).toHaveLength(200);
    expect(reports[0]).toMatchObject({ verb: 'get', resource: 'configmaps', code: '200' });
  });

  it('keeps the path prefix of the server and escapes names', async () => {
    const paths: (string | undefined)[] = [];
    handler = (request, response) => {
      paths.push(request.url);
      response.end('{}');
    };
    const { client } = clientOf(undefined, '/k8s/c1/');
    await client.get({ ...ref, name: 'a/b' });
    expect(paths).toEqual(['/k8s/c1/api/v1/namespaces/n/configmaps/a%2Fb']);
  });

  it('asks for fresh credentials once after a 401', async () => {
    const seen: (string | undefined)[] = [];
    handler = (request, response) => {
      seen.push(request.headers.authorization);
      if (request.headers.authorization !== 'Bearer new') response.writeHead(401);
      response.end('{}');
    };
    const { client } = clientOf((fresh) => Promise.resolve({ authorization: fresh ? 'Bearer new' : 'Bearer old' }));
    await client.get(ref);
    expect(seen).toEqual(['Bearer old', 'Bearer new']);
  });

  it('an answer that trickles in for ever is given up', async () => {
    const started = performance.now();
    const dribbles = new Set<NodeJS.Timeout>();
    handler = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const timer = setInterval(() => response.write(' '), 20);
      dribbles.add(timer);
      response.on('close', () => clearInterval(timer));
    };
    const transport = createTransport({ connection: { server: origin(), tls: {}, headers: () => Promise.resolve({}) }, clock: systemClock, userAgent: 'slipway-test', timeoutMs: 300 });
    closers.push(() => transport.close());
    const error = await createClient(transport).get(ref).catch((thrown: unknown) => thrown);
    for (const timer of dribbles) clearInterval(timer);
    expect(error).toBeInstanceOf(TransportError);
    expect(error).toMatchObject({ failure: 'Timeout', message: expect.stringContaining('no whole answer within 0.6 s') as string });
    expect(performance.now() - started).toBeGreaterThanOrEqual(599);
  });

  it('Retry-After is honoured up to two minutes', () => {
    expect([1, 600, 86_400].map((seconds) => retryAfterMs(new ApiError(429, {}, seconds)))).toEqual([1_000, 120_000, 120_000]);
  });

  it.each([
    ['null', null],
    ['a Status', { kind: 'Status', status: 'Success' }],
    ['items that are none', { metadata: {}, items: 'none' }],
    ['an item without metadata', { metadata: {}, items: [{}] }],
  ])('a list that is %s is a bad answer, not an empty list', async (_name, body) => {
    handler = (_request, response) => response.end(JSON.stringify(body));
    const error = await clientOf().client.list(CONFIG_MAPS).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'TransportError', failure: 'BadAnswer' });
  });

  it('a Status becomes an ApiError with reason, causes and Retry-After', async () => {
    handler = (_request, response) => {
      response.writeHead(429, { 'retry-after': '4' });
      response.end(JSON.stringify({ kind: 'Status', code: 429, reason: 'TooManyRequests', message: 'slow down', details: { causes: [{ reason: 'c' }] } }));
    };
    const { client, reports } = clientOf();
    const error = await client.get(ref).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 429, reason: 'TooManyRequests', message: 'slow down', causes: [{ reason: 'c' }] });
    expect(retryAfterMs(error)).toBe(4000);
    expect(reports[0]?.code).toBe('429');
  });

  it("a proxy's page becomes an ApiError that quotes it", async () => {
    handler = (_request, response) => response.writeHead(502).end('<h1>bad gateway</h1>');
    await expect(clientOf().client.get(ref)).rejects.toMatchObject({ status: 502, message: '<h1>bad gateway</h1>' });
  });

  it.each([
    ['Reset', (_q, r) => r.socket?.destroy()],
    ['BadAnswer', (_q, r) => r.end('{"a":')],
  ] as [string, RequestListener][])('%s is a TransportError of that name', async (failure, misbehave) => {
    handler = misbehave;
    const { client, reports } = clientOf();
    const error = await client.get(ref).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(TransportError);
    expect((error as TransportError).failure).toBe(failure);
    expect(reports[0]?.code).toBe(failure);
  });

  it('an API server that is not there is Unreachable', async () => {
    const { client } = clientOf();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await expect(client.get(ref)).rejects.toMatchObject({ failure: 'Unreachable' });
    server = createServer();
  });
});

describe('the identity of a pod', () => {
  it('reads the token again once the file has changed, and keeps the last one while it is missing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'slipway-sa-'));
    closers.push(() => rm(folder, { recursive: true, force: true }));
    await writeFile(join(folder, 'token'), 'one\n');
    await writeFile(join(folder, 'namespace'), 'slipway-system');
    const clock = manualClock();
    const connection = await inClusterConnection({ host: 'fd00::1', port: '443', clock, folder });
    expect(connection).toMatchObject({ server: 'https://[fd00::1]:443', namespace: 'slipway-system' });
    expect(await connection.headers(false)).toEqual({ authorization: 'Bearer one' });
    await rm(join(folder, 'token'));
    await writeFile(join(folder, 'token'), 'two');
    expect(await connection.headers(false), 'not looked at again within a second').toEqual({ authorization: 'Bearer one' });
    await clock.advance(1_000);
    expect(await connection.headers(false)).toEqual({ authorization: 'Bearer two' });
    await rm(join(folder, 'token'));
    expect(await connection.headers(true)).toEqual({ authorization: 'Bearer two' });
  });

  it('fails clearly without a token', async () => {
    const connection = await inClusterConnection({ host: 'h', port: '1', clock: manualClock(), folder: '/nonexistent' });
    await expect(connection.headers(false)).rejects.toMatchObject({ failure: 'Credentials' });
  });
});
