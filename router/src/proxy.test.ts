// The router end to end, over real sockets: passing on, splitting, retrying, versions, and everything that goes wrong.
import http from 'node:http';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { backend, call, closeAll, http1Pod, podAddress, rawCall, rawPod, startRouter, until } from './testing/harness.ts';
import { Budget, RequestBody } from './request-body.ts';
import type { Upstream } from './testing/harness.ts';

afterEach(closeAll);

const saying =
  (text: string): http.RequestListener =>
  (req, res) => {
    req.resume();
    req.on('end', () => res.writeHead(200, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(text) }).end(text));
  };

const echo: http.RequestListener = (req, res) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const body = JSON.stringify({ method: req.method, url: req.url, headers: req.headers, trailers: req.trailers, body: Buffer.concat(chunks).toString() });
    res.writeHead(200, { 'content-type': 'application/json' }).end(body);
  });
};

/** A pod that has one model version and refuses the others, as a server behind a router does. */
const versioned =
  (version: string): http.RequestListener =>
  (req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const asked = req.headers['slipway-model-version'] ?? (body === '' ? undefined : (JSON.parse(body) as { modelVersion?: string }).modelVersion);
      if (asked !== undefined && asked !== version) res.writeHead(421, { 'content-type': 'application/problem+json' }).end('{"code":"misdirected"}');
      else res.writeHead(200).end(version);
    });
  };

const closedPort = async (): Promise<Upstream> => {
  const pod = await rawPod(() => undefined);
  await pod.stop();
  return pod;
};

interface Echoed {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}
const echoed = (text: string): Echoed => JSON.parse(text) as Echoed;

describe('passing on', () => {
  it('answers with the pod\'s answer and says who gave it', async () => {
    const pod = await http1Pod(echo);
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const answer = await router.call({ path: '/predict?a=1', body: '{"text":"x"}', headers: { 'content-type': 'application/json' } });
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ 'slipway-revision': 'svc-stable', 'slipway-model-version': 'v1', 'content-type': 'application/json' });
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(echoed(answer.text)).toMatchObject({ method: 'POST', url: '/predict?a=1', body: '{"text":"x"}' });
    expect(echoed(answer.text).headers).toMatchObject({ host: `127.0.0.1:${router.port}`, 'content-length': '12', 'x-forwarded-for': '127.0.0.1' });
  });

  it('passes request id and trace on, and makes an id where none was given', async () => {
    const pod = await http1Pod(echo);
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const given = await router.call({ headers: { 'X-Request-Id': 'abc-1', traceparent, tracestate: 'a=b' } });
    expect(given.headers['x-request-id']).toBe('abc-1');
    expect(echoed(given.text).headers).toMatchObject({ 'x-request-id': 'abc-1', traceparent, tracestate: 'a=b' });
    const made = await router.call({ headers: { 'X-Request-Id': 'not a good id' } });
    expect(made.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(echoed(made.text).headers['x-request-id']).toBe(made.headers['x-request-id']);
  });

  it('strips what belongs to one connection, in both directions', async () => {
    const pod = await http1Pod((req, res) => {
      res.setHeader('Connection', 'x-secret, close');
      res.setHeader('X-Secret', 'hop');
      res.setHeader('X-Kept', 'end');
      res.setHeader('Slipway-Revision', 'a lie');
      res.setHeader('X-Request-Id', 'another lie');
      echo(req, res);
    });
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const answer = await router.call({ headers: { Connection: 'X-Hop', 'X-Hop': '1', TE: 'trailers', 'Proxy-Authorization': 'x', 'Keep-Alive': 'timeout=1', 'X-End': '2' } });
    const seen = echoed(answer.text).headers;
    expect(seen).toMatchObject({ 'x-end': '2' });
    for (const gone of ['x-hop', 'te', 'proxy-authorization', 'keep-alive']) expect(seen).not.toHaveProperty(gone);
    expect(answer.headers).toMatchObject({ 'x-kept': 'end', 'slipway-revision': 'svc-stable' });
    expect(answer.headers).not.toHaveProperty('x-secret');
    expect(answer.headers['x-request-id']).not.toBe('another lie');
  });

  it('keeps connections alive on both sides', async () => {
    const pod = await http1Pod(saying('ok'));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<number | undefined>();
    for (let i = 0; i < 20; i++) {
      await new Promise<void>((resolve, reject) => {
        const req = http.get({ host: '127.0.0.1', port: router.port, agent }, (res) => res.resume().on('end', resolve));
        req.on('socket', (socket) => sockets.add(socket.localPort));
        req.on('error', reject);
      });
    }
    agent.destroy();
    expect(sockets.size).toBe(1);
    expect(pod.connections()).toBe(1);
  });

  it.each(['GET', 'HEAD', 'DELETE', 'PUT', 'PATCH', 'OPTIONS'])('passes %s without a body', async (method) => {
    const pod = await http1Pod((req, res) => res.writeHead(200, { 'x-method': req.method, 'content-length': 2 }).end(method === 'HEAD' ? undefined : 'ok'));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    for (let i = 0; i < 3; i++) {
      const answer = await router.call({ method });
      expect(answer.headers).toMatchObject({ 'x-method': method, 'content-length': '2' });
    }
    expect(pod.connections()).toBe(1);
  });

  it.each([204, 304])('passes a bodyless %s and keeps the connection', async (status) => {
    const pod = await http1Pod((_req, res) => res.writeHead(status).end());
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    for (let i = 0; i < 3; i++) expect((await router.call()).status).toBe(status);
    expect(pod.connections()).toBe(1);
  });

  it('takes the absolute form of a target apart', async () => {
    const pod = await http1Pod(echo);
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const raw = await rawCall(router.port, 'GET http://svc.ns/models?x=1 HTTP/1.1\r\nHost: svc.ns\r\nConnection: close\r\n\r\n');
    expect(raw).toContain('"url":"/models?x=1"');
  });
});

describe('bodies', () => {
  it('streams a large body up and down without holding it', async () => {
    const size = 6 * 1024 * 1024;
    const pod = await http1Pod((req, res) => {
      res.writeHead(200);
      req.pipe(res);
    });
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const body = Buffer.alloc(size, 'abcdefghij');
    const answer = await router.call({ body });
    expect(answer.body.equals(body)).toBe(true);
  });

  it('passes the first part of an answer on before the last is there', async () => {
    let finish = (): void => undefined;
    const pod = await http1Pod((_req, res) => {
      res.writeHead(200);
      res.write('first');
      finish = () => res.end('last');
    });
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const parts: string[] = [];
    await new Promise<void>((resolve, reject) => {
      http
        .get({ host: '127.0.0.1', port: router.port }, (res) => {
          res.on('data', (chunk: Buffer) => {
            parts.push(chunk.toString());
            finish();
          });
          res.on('end', resolve);
        })
        .on('error', reject);
    });
    expect(parts).toEqual(['first', 'last']);
  });

  it('passes the first part of a request on before the last is there', async () => {
    const seen: string[] = [];
    let req: http.ClientRequest | undefined;
    const pod = await http1Pod((incoming, res) => {
      incoming.on('data', (chunk: Buffer) => {
        seen.push(chunk.toString());
        if (seen.length === 1) req?.end('last');
      });
      incoming.on('end', () => res.end('done'));
    });
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    await new Promise<void>((resolve, reject) => {
      req = http.request({ host: '127.0.0.1', port: router.port, method: 'POST' }, (res) => res.resume().on('end', resolve));
      req.on('error', reject);
      req.write('first');
    });
    expect(seen).toEqual(['first', 'last']);
  });

  it('passes trailers on', async () => {
    const pod = await http1Pod((_req, res) => {
      res.writeHead(200, { Trailer: 'X-Sum' });
      res.write('body');
      res.addTrailers({ 'X-Sum': '42' });
      res.end();
    });
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const raw = await rawCall(router.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(raw).toMatch(/4\r\nbody\r\n0\r\nX-Sum: 42\r\n\r\n$/);
  });

  it('holds a fast pod back for a slow caller', async () => {
    const size = 64 * 1024 * 1024;
    let written = 0;
    const pod = await http1Pod((_req, res) => {
      res.writeHead(200, { 'content-length': size });
      const chunk = Buffer.alloc(256 * 1024);
      const push = (): void => {
        while (written < size) {
          written += chunk.length;
          if (!res.write(chunk)) return void res.once('drain', push);
        }
        res.end();
      };
      push();
    });
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const got = await new Promise<number>((resolve, reject) => {
      http
        .get({ host: '127.0.0.1', port: router.port }, (res) => {
          res.pause();
          let last = -1;
          // Nobody reads: what the pod could write must come to rest far below the whole.
          const look = setInterval(() => {
            if (written !== last || written === 0) return void (last = written);
            clearInterval(look);
            expect(written).toBeLessThan(size / 2);
            let bytes = 0;
            res.on('data', (chunk: Buffer) => (bytes += chunk.length));
            res.on('end', () => resolve(bytes));
            res.resume();
          }, 150);
        })
        .on('error', reject);
    });
    expect(got).toBe(size);
  });

  it('says 100 Continue itself, and 413 instead when the body would be too large', async () => {
    const pod = await http1Pod(echo);
    const router = await startRouter({ targetPort: pod.port, app: { maxBodyBytes: 1000 } });
    router.pods({ stable: [pod] });
    const good = await rawCall(router.port, 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi');
    expect(good).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    expect(good).toContain('"body":"hi"');
    const bad = await rawCall(router.port, 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n\r\n');
    expect(bad).toMatch(/^HTTP\/1\.1 413 /);
    const odd = await rawCall(router.port, 'POST / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi');
    expect(odd).toMatch(/^HTTP\/1\.1 417 /);
  });

  it('refuses a chunked body when it grows too large', async () => {
    const pod = await http1Pod(echo);
    const router = await startRouter({ targetPort: pod.port, app: { maxBodyBytes: 1000 } });
    router.pods({ stable: [pod] });
    const raw = await rawCall(router.port, `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n${'x'.repeat(2000)}\r\n0\r\n\r\n`);
    expect(raw).toMatch(/^HTTP\/1\.1 413 /);
  });
});

describe('the split', () => {
  it('is exact to a few over 10,000 requests, also after the weight changes, with half of the callers pinning a version', { timeout: 60_000 }, async () => {
    const stable = await http1Pod(versioned('v1'));
    const canary = await http1Pod(versioned('v2'), stable.port);
    const router = await startRouter({ targetPort: stable.port, route: { backends: [backend('stable', 90, 'v1'), backend('canary', 10, 'v2')] }, random: () => 0.777 });
    router.pods({ stable: [stable], canary: [canary] });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
    const run = async (requests: number): Promise<{ canary: number; wrong: number }> => {
      const counts = { canary: 0, wrong: 0 };
      let sent = 0;
      const caller = async (): Promise<void> => {
        while (sent < requests) {
          const n = sent++;
          if (n % 2 === 0) {
            const answer = await router.call({ agent, body: '{"text":"x"}' });
            if (answer.status !== 200) counts.wrong++;
            if (answer.text === 'v2') counts.canary++;
          } else {
            const version = n % 4 === 1 ? 'v1' : 'v2';
            const answer = await router.call({ agent, body: `{"modelVersion":"${version}"}` });
            if (answer.text !== version) counts.wrong++;
          }
        }
      };
      await Promise.all(Array.from({ length: 16 }, caller));
      return counts;
    };
    const first = await run(10_000);
    expect(first.wrong).toBe(0);
    expect(Math.abs(first.canary - 500)).toBeLessThanOrEqual(4);
    router.route({ backends: [backend('stable', 50, 'v1'), backend('canary', 50, 'v2')] });
    const second = await run(4000);
    agent.destroy();
    expect(second.wrong).toBe(0);
    expect(Math.abs(second.canary - 1000)).toBeLessThanOrEqual(4);
  });

  it('sends to the pod with the fewest requests under way', async () => {
    const waiting: http.ServerResponse[] = [];
    const slow = await http1Pod((_req, res) => void waiting.push(res));
    const fast = await http1Pod(saying('fast'), slow.port);
    const router = await startRouter({ targetPort: slow.port });
    router.pods({ stable: [slow, fast] });
    const held: Promise<unknown>[] = [];
    while (waiting.length === 0) {
      const before = slow.hits();
      const answer = router.call();
      await Promise.race([answer, until(() => slow.hits() > before, 'slow pod hit')]);
      if (slow.hits() > before) held.push(answer);
    }
    for (let i = 0; i < 20; i++) expect((await router.call()).text).toBe('fast');
    expect(slow.hits()).toBe(1);
    for (const res of waiting) res.end();
    await Promise.all(held);
  });

  it('gives the share of a revision without pods to the other, and counts it', async () => {
    const stable = await http1Pod(saying('stable'));
    const router = await startRouter({ targetPort: stable.port, route: { backends: [backend('stable', 50, 'v1'), backend('canary', 50, 'v2')] } });
    router.pods({ stable: [stable], canary: [] });
    for (let i = 0; i < 100; i++) expect((await router.call()).text).toBe('stable');
    expect(router.metric('slipway_router_share_given_away_total', 'revision="svc-canary"')).toBe(50);
    expect(router.metric('slipway_router_requests_total', 'revision="svc-stable",role="stable",code="200"')).toBe(100);
  });

  it('goes on with pods that were ready and are still there when nobody is ready, and not with those that never were', async () => {
    const stable = await http1Pod(saying('stable'));
    const starting = await http1Pod(saying('starting'), stable.port);
    const router = await startRouter({ targetPort: stable.port });
    router.pods({ stable: [stable] }, { stable: [starting] });
    expect((await router.call()).text).toBe('stable');
    // A busy node: the probes of all pods fail at once.
    router.pods({ stable: [] }, { stable: [stable, starting] });
    for (let i = 0; i < 10; i++) expect((await router.call()).text).toBe('stable');
    expect(router.app.routes.report().entries[0]?.endpoints).toEqual({ 'svc-stable': 0 });
    // It is gone, not unready.
    router.pods({ stable: [] }, { stable: [starting] });
    expect((await router.call()).status).toBe(503);
  });

  it('prefers any revision with a ready pod to pods that are no longer ready', async () => {
    const stable = await http1Pod(saying('stable'));
    const canary = await http1Pod(saying('canary'), stable.port);
    const router = await startRouter({ targetPort: stable.port, route: { backends: [backend('stable', 50, 'v1'), backend('canary', 50, 'v2')] } });
    router.pods({ stable: [stable], canary: [canary] });
    router.pods({ stable: [], canary: [canary] }, { stable: [stable] });
    for (let i = 0; i < 10; i++) expect((await router.call()).text).toBe('canary');
    router.pods({ stable: [], canary: [] }, { stable: [stable], canary: [canary] });
    const texts = new Set<string>();
    for (let i = 0; i < 10; i++) texts.add((await router.call()).text);
    expect([...texts].sort()).toEqual(['canary', 'stable']);
    const asked = await router.call({ headers: { 'slipway-model-version': 'v2' } });
    expect(asked.text).toBe('canary');
  });

  it('answers the preview port from the preview revision only', async () => {
    const stable = await http1Pod(versioned('v1'));
    const preview = await http1Pod(versioned('v2'), stable.port);
    const router = await startRouter({ targetPort: stable.port, route: { backends: [backend('stable', 100, 'v1'), backend('preview', 0, 'v2')], preview: 'svc-preview' } });
    router.pods({ stable: [stable], preview: [preview] });
    for (let i = 0; i < 10; i++) {
      expect((await call(router.previewPort)).text).toBe('v2');
      expect((await router.call()).text).toBe('v1');
    }
    const lacking = await call(router.previewPort, { body: '{"modelVersion":"v1"}' });
    expect(lacking.status).toBe(404);
    router.route({ backends: [backend('stable', 100, 'v1')], preview: undefined });
    expect((await call(router.previewPort)).status).toBe(503);
  });

  it('answers 503 with Retry-After when there is no pod at all', async () => {
    const router = await startRouter({ targetPort: 1 });
    const answer = await router.call();
    expect(answer.status).toBe(503);
    expect(answer.headers).toMatchObject({ 'retry-after': '1', 'content-type': 'application/problem+json' });
    expect(JSON.parse(answer.text)).toMatchObject({ status: 503, code: 'unavailable', requestId: answer.headers['x-request-id'] });
  });
});

describe('retries', () => {
  it('goes to another pod when a connection is refused', async () => {
    const dead = await closedPort();
    const live = await http1Pod(echo, dead.port);
    const router = await startRouter({ targetPort: dead.port });
    router.pods({ stable: [dead, live] });
    for (let i = 0; i < 10; i++) expect(echoed((await router.call({ body: `n${i}` })).text).body).toBe(`n${i}`);
    expect(router.metric('slipway_router_retries_total', 'reason="connect"')).toBeGreaterThanOrEqual(1);
    // The dead one is left alone for a while instead of being tried by every request.
    expect(router.metric('slipway_router_upstream_failures_total', 'reason="connect"')).toBeLessThan(5);
  });

  it('goes to another pod when the connection is reset before any byte of an answer', async () => {
    const live = await http1Pod(echo);
    const breaking = await rawPod((socket) => socket.once('data', () => socket.destroy()), live.port);
    const router = await startRouter({ targetPort: live.port });
    router.pods({ stable: [breaking, live] });
    for (let i = 0; i < 10; i++) expect(echoed((await router.call({ body: `n${i}` })).text).body).toBe(`n${i}`);
    expect(breaking.hits()).toBeGreaterThanOrEqual(1);
    expect(router.metric('slipway_router_retries_total', 'reason="reset"')).toBe(breaking.hits());
  });

  it('sends a streamed body again from the start', async () => {
    const live = await http1Pod(echo);
    const breaking = await rawPod((socket) => socket.once('data', () => socket.destroy()), live.port);
    const router = await startRouter({ targetPort: live.port, app: { random: () => 0 } });
    router.pods({ stable: [breaking, live] });
    for (let i = 0; i < 4; i++) {
      const body = 'x'.repeat(300_000) + i;
      const answer = await router.call({ body, headers: { 'transfer-encoding': 'chunked' } });
      expect(echoed(answer.text).body).toBe(body);
    }
    expect(breaking.hits()).toBeGreaterThanOrEqual(1);
  });

  it('uses a new connection when the kept one was closed in the same moment, though there is one pod only', async () => {
    // Answers one request per connection as if it would keep it, and drops the connection on the next.
    const pod = await rawPod((socket) => {
      let requests = 0;
      socket.on('data', () => {
        if (++requests > 1) socket.destroy();
        else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      });
    });
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    for (let i = 0; i < 10; i++) expect((await router.call({ body: 'x' })).text).toBe('ok');
    expect(pod.connections()).toBe(10);
  });

  it('gives the request to the other revision when no pod of its own can be reached', async () => {
    const dead = await closedPort();
    const live = await http1Pod(saying('stable'), dead.port);
    const router = await startRouter({ targetPort: dead.port, route: { backends: [backend('stable', 50, 'v1'), backend('canary', 50, 'v2')] } });
    router.pods({ stable: [live], canary: [dead] });
    for (let i = 0; i < 20; i++) expect((await router.call({ body: 'x' })).text).toBe('stable');
    expect(router.metric('slipway_router_share_given_away_total', 'revision="svc-canary"')).toBe(10);
    // A caller who pinned the version gets no other.
    const pinned = await router.call({ headers: { 'Slipway-Model-Version': 'v2' } });
    expect(pinned.status).toBe(503);
  });

  it('stops trying a revision that is out of reach for a while', async () => {
    const live = await http1Pod(saying('stable'));
    const router = await startRouter({ targetPort: live.port, app: { connectTimeoutMs: 100 }, route: { backends: [backend('stable', 50, 'v1'), backend('canary', 50, 'v2')] } });
    // An address that answers nothing costs its first caller the connect timeout, and nobody else for a while.
    router.pods({ stable: [live], canary: [{ host: '192.0.2.1' } as Upstream] });
    for (let i = 0; i < 40; i++) expect((await router.call({ body: 'x' })).text).toBe('stable');
    expect(router.metric('slipway_router_share_given_away_total', 'revision="svc-canary"')).toBe(20);
    expect(router.metric('slipway_router_upstream_failures_total', 'revision="svc-canary"')).toBeLessThan(5);
    // With nobody else to ask it is tried again.
    router.pods({ stable: [], canary: [live] });
    expect((await router.call({ body: 'x' })).text).toBe('stable');
  });

  it('does not retry when told never to', async () => {
    const live = await http1Pod(echo);
    const breaking = await rawPod((socket) => socket.once('data', () => socket.destroy()), live.port);
    const router = await startRouter({ targetPort: live.port, route: { retry: 'Never' } });
    router.pods({ stable: [breaking, live] });
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await router.call({ body: 'x' })).status);
    expect(statuses).toContain(502);
    expect(router.metric('slipway_router_retries_total')).toBe(0);
  });

  it('does not repeat a body that is no longer kept', async () => {
    const live = await http1Pod(echo);
    const breaking = await rawPod((socket) => {
      let bytes = 0;
      socket.on('data', (chunk) => {
        bytes += chunk.length;
        if (bytes > 3_000_000) socket.destroy();
      });
    }, live.port);
    const router = await startRouter({ targetPort: live.port });
    router.pods({ stable: [breaking] });
    const answer = await router.call({ body: Buffer.alloc(4_000_000) });
    expect(answer.status).toBe(502);
    expect(router.metric('slipway_router_retries_total')).toBe(0);
  });

  it('gives up after every pod failed', async () => {
    const pods = [await closedPort()];
    for (let i = 0; i < 3; i++) pods.push(await rawPod((socket) => socket.destroy(), (pods[0] as Upstream).port));
    const router = await startRouter({ targetPort: (pods[0] as Upstream).port });
    router.pods({ stable: pods });
    const answer = await router.call({ body: 'x' });
    expect([502, 503]).toContain(answer.status);
    expect(router.app.underWay).toBe(0);
  });

  it('gives up connecting after the connect timeout', async () => {
    // An address that answers nothing: the backlog of a listener that accepts nobody would do, a blackhole is simpler.
    const live = await http1Pod(echo);
    const router = await startRouter({ targetPort: live.port, app: { connectTimeoutMs: 50 } });
    const blackhole = { host: '192.0.2.1' } as Upstream;
    router.pods({ stable: [blackhole, live] });
    for (let i = 0; i < 3; i++) expect((await router.call({ body: 'x' })).status).toBe(200);
  });
});

describe('memory', () => {
  it('does not keep more bodies than its budget, and passes them on all the same', async () => {
    const pod = await http1Pod((req, res) => {
      let bytes = 0;
      req.on('data', (chunk: Buffer) => (bytes += chunk.length));
      req.on('end', () => res.end(String(bytes)));
    });
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const body = Buffer.alloc(900_000);
    const answers = await Promise.all(Array.from({ length: 60 }, () => router.call({ body, headers: { 'transfer-encoding': 'chunked' } })));
    expect(new Set(answers.map((a) => a.text))).toEqual(new Set(['900000']));
  });

  it('keeps count: what is discarded can be kept by others', () => {
    const budget = new Budget(100);
    const flow = { pauseBody: () => undefined, resumeBody: () => undefined };
    const attempt = { write: () => true, end: () => undefined, pause: () => undefined, resume: () => undefined, abort: () => undefined };
    const bodyOf = (): RequestBody => new RequestBody(undefined, { replayMax: 1000, max: 1000, budget }, flow);
    const first = bodyOf();
    first.attach(attempt, first.plan());
    first.data(Buffer.alloc(100));
    expect(budget.exhausted).toBe(true);
    const second = bodyOf();
    second.attach(attempt, second.plan());
    second.data(Buffer.alloc(1));
    expect([first.replayable, second.replayable]).toEqual([true, false]);
    first.discard();
    const third = bodyOf();
    third.attach(attempt, third.plan());
    third.data(Buffer.alloc(1));
    expect([budget.exhausted, third.replayable]).toEqual([false, true]);
  });
});

describe('half answers', () => {
  it.each([
    ['a length', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'],
    ['chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
  ])('end the caller\'s connection (%s)', async (_what, text) => {
    const pod = await rawPod((socket) => socket.once('data', () => socket.end(text)));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    await expect(router.call()).rejects.toThrow(/aborted|hang up|ECONNRESET/);
    expect(router.app.underWay).toBe(0);
  });

  it('an answer that ends with the connection is whole', async () => {
    const pod = await rawPod((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end')));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    expect((await router.call()).text).toBe('until the end');
  });

  it.each([
    ['no HTTP', 'hello\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc'],
    ['a length and chunks', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n'],
    ['a switch nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n'],
  ])('a pod that answers %s is a bad gateway', async (_what, text) => {
    const pod = await rawPod((socket) => socket.once('data', () => socket.write(text)));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    expect((await router.call()).status).toBe(502);
  });

  it('never hands bytes that nobody asked for to the next caller', async () => {
    const pod = await rawPod((socket) => socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil')));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    for (let i = 0; i < 5; i++) expect((await router.call()).text).toBe('ok');
    expect(pod.connections()).toBe(5);
  });
});

describe('model versions', () => {
  const versions = async (): Promise<{ v1: Upstream; v2: Upstream; router: Awaited<ReturnType<typeof startRouter>> }> => {
    const v1 = await http1Pod(versioned('v1'));
    const v2 = await http1Pod(versioned('v2'), v1.port);
    const router = await startRouter({ targetPort: v1.port, route: { backends: [backend('stable', 90, 'v1'), backend('canary', 10, 'v2')] } });
    router.pods({ stable: [v1], canary: [v2] });
    return { v1, v2, router };
  };

  it('a version in the header goes straight to the revision that has it', async () => {
    const { v1, router } = await versions();
    for (let i = 0; i < 20; i++) {
      const answer = await router.call({ headers: { 'Slipway-Model-Version': 'v2' } });
      expect(answer.text).toBe('v2');
      expect(answer.headers).toMatchObject({ 'slipway-revision': 'svc-canary', 'slipway-model-version': 'v2' });
    }
    expect(v1.hits()).toBe(0);
    expect(router.metric('slipway_router_resend_421_total')).toBe(0);
  });

  it('a version in the body is found by asking', async () => {
    const { router } = await versions();
    for (let i = 0; i < 20; i++) {
      expect((await router.call({ body: '{"modelVersion":"v2"}' })).text).toBe('v2');
      expect((await router.call({ body: '{"modelVersion":"v1"}' })).text).toBe('v1');
    }
    expect(router.metric('slipway_router_resend_421_total')).toBeGreaterThan(10);
  });

  it('a version that nobody has is 404 and names those there are', async () => {
    const { router } = await versions();
    const answer = await router.call({ body: '{"modelVersion":"v9"}' });
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'model_not_found', detail: expect.stringMatching(/v1, v2/) as unknown });
    expect((await router.call({ headers: { 'Slipway-Model-Version': 'v9' } })).status).toBe(404);
  });

  it('is not said to be unknown while the revision that may have it has no pod', async () => {
    const { v1, router } = await versions();
    router.pods({ stable: [v1], canary: [] });
    const answer = await router.call({ body: '{"modelVersion":"v2"}' });
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBe('1');
    expect((await router.call({ headers: { 'Slipway-Model-Version': 'v2' } })).status).toBe(503);
  });

  it('a body too large to send again is told to use the header', async () => {
    const { router } = await versions();
    const body = JSON.stringify({ modelVersion: 'v2', text: 'x'.repeat(1_500_000) });
    let told = 0;
    for (let i = 0; i < 5; i++) {
      const answer = await router.call({ body });
      if (answer.status === 421) told++;
      else expect(answer.text).toBe('v2');
    }
    expect(told).toBeGreaterThan(0);
    expect((await router.call({ body, headers: { 'Slipway-Model-Version': 'v2' } })).text).toBe('v2');
  });
});

describe('time', () => {
  it('answers 504 when the pod takes too long', async () => {
    const pod = await http1Pod(() => undefined);
    const router = await startRouter({ targetPort: pod.port, route: { timeoutSeconds: 0.1 } });
    router.pods({ stable: [pod] });
    const answer = await router.call();
    expect(answer.status).toBe(504);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'gateway_timeout' });
  });

  it('breaks an answer off that takes too long', async () => {
    const pod = await http1Pod((_req, res) => res.writeHead(200).write('part'));
    const router = await startRouter({ targetPort: pod.port, route: { timeoutSeconds: 0.1 } });
    router.pods({ stable: [pod] });
    await expect(router.call()).rejects.toThrow();
  });

  it('answers 408 when the body does not come', async () => {
    const pod = await http1Pod(echo);
    const router = await startRouter({ targetPort: pod.port, route: { timeoutSeconds: 0.1 } });
    router.pods({ stable: [pod] });
    expect(await rawCall(router.port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf')).toMatch(/^HTTP\/1\.1 408 /);
    expect(pod.hits()).toBe(0);
  });

  it('ends the work of a pod when its caller hangs up', async () => {
    let ended = false;
    const pod = await http1Pod((_req, res) => {
      res.on('close', () => (ended = true));
    });
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const req = http.get({ host: '127.0.0.1', port: router.port });
    req.on('error', () => undefined);
    await until(() => pod.hits() === 1, 'request at the pod');
    req.destroy();
    await until(() => ended, 'pod sees the end');
    expect(router.metric('slipway_router_requests_total', 'code="499"')).toBe(1);
    expect(router.metric('slipway_router_requests_in_flight')).toBe(0);
  });

  it('does not hold a pod while a small body trickles in', async () => {
    const pod = await http1Pod(echo);
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const socket = net.connect(router.port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nha');
    await until(() => router.app.underWay === 1, 'request begun');
    expect(pod.hits()).toBe(0);
    socket.write('lf');
    await until(() => pod.hits() === 1, 'request passed on');
    socket.destroy();
  });
});

describe('pods that go', () => {
  it('finish what they have and get no more', async () => {
    const waiting: http.ServerResponse[] = [];
    const leaving = await http1Pod((_req, res) => void waiting.push(res));
    const staying = await http1Pod(saying('staying'), leaving.port);
    const router = await startRouter({ targetPort: leaving.port });
    router.pods({ stable: [leaving] });
    const first = router.call();
    await until(() => waiting.length === 1, 'request at the leaving pod');
    router.pods({ stable: [staying] });
    for (let i = 0; i < 10; i++) expect((await router.call()).text).toBe('staying');
    waiting[0]?.end('finished');
    expect((await first).text).toBe('finished');
    expect(leaving.hits()).toBe(1);
  });

  it('unknown ports of the table answer nothing at all', async () => {
    const router = await startRouter({ targetPort: 1 });
    router.app.routes.withdraw('svc-route');
    await until(() => router.app.routes.table.entries.size === 0, 'entry withdrawn');
    await expect(router.call()).rejects.toThrow(/ECONNREFUSED/);
  });

  it('an address is a pod of its own', () => {
    expect(podAddress()).not.toBe(podAddress());
  });
});
