// A router that stood still (no CPU for seconds, on a busy node) hears of its timers first: what arrived meanwhile must count all the same.
import http from 'node:http';
import http2 from 'node:http2';
import type net from 'node:net';
import type { Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Receiver } from './exchange.ts';
import { Http1Pool } from './http1-pool.ts';
import { Http2Upstream } from './http2-session.ts';

const CONNECT_TIMEOUT_MS = 20;
const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  return (server.address() as net.AddressInfo).port;
}

/** No turn of the event loop for longer than the connect timeout. */
function standStill(): void {
  const until = performance.now() + 5 * CONNECT_TIMEOUT_MS;
  while (performance.now() < until);
}

/** Resolves with the status, or with what failed. */
function receiver(done: (outcome: number | string) => void): Receiver {
  return { head: done, data: () => undefined, end: () => undefined, failed: (failure) => done(failure.message), drained: () => undefined };
}

const REQUEST = { method: 'GET', path: '/', host: 'svc', headers: [] };
const NO_BODY = { kind: 'whole', bytes: undefined } as const;

describe('a connection that was made while the router stood still', () => {
  it('is used, over HTTP/1.1', async () => {
    const port = await portOf(http.createServer((_req, res) => res.end('ok')));
    const pool = new Http1Pool({ host: '127.0.0.1', port }, { connectTimeoutMs: CONNECT_TIMEOUT_MS, idleMs: 1000, now: () => performance.now() });
    closers.push(() => pool.destroy());
    const outcome = new Promise((resolve) => pool.send(REQUEST, NO_BODY, receiver(resolve), false));
    standStill();
    expect(await outcome).toBe(200);
  });

  it('is used, over HTTP/2', async () => {
    const server = http2.createServer((_req, res) => res.end('ok'));
    const upstream = new Http2Upstream({ host: '127.0.0.1', port: await portOf(server) }, CONNECT_TIMEOUT_MS);
    closers.push(() => upstream.destroy());
    const outcome = new Promise((resolve) => upstream.send(REQUEST, NO_BODY, receiver(resolve)));
    standStill();
    expect(await outcome).toBe(200);
  });

  it('is still given up when nobody accepts', async () => {
    // An address of the block for documentation: packets to it are answered by nobody, or refused by the machine's own routing.
    const pool = new Http1Pool({ host: '192.0.2.1', port: 9 }, { connectTimeoutMs: CONNECT_TIMEOUT_MS, idleMs: 1000, now: () => performance.now() });
    closers.push(() => pool.destroy());
    const outcome = await new Promise((resolve) => pool.send(REQUEST, NO_BODY, receiver(resolve), false));
    expect(outcome).toMatch(/no connection within 20 ms|EHOSTUNREACH|ENETUNREACH|ECONNREFUSED/);
  });
});
