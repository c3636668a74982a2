// Callers and pods that break off, stall or trickle, many at once: whoever can be answered is, whoever cannot hears a clean break, and in
// the end nothing is left under way, counted or open.
import http from 'node:http';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, http1Pod, rawPod, startRouter, until } from './testing/harness.ts';
import type { Router } from './testing/harness.ts';

const MANY = 40;
const LARGE = Buffer.alloc(2 * 1024 * 1024, 'x');

afterEach(closeAll);

const times = <T>(make: (index: number) => T): T[] => Array.from({ length: MANY }, (_, index) => make(index));

/** Nothing is under way, in any count; kept connections to pods may stay, those of callers are theirs to close. */
async function nothingLeft(router: Router): Promise<void> {
  await until(() => router.app.underWay === 0, 'no request under way');
  await until(() => router.metric('slipway_router_requests_in_flight') === 0, 'none counted in flight');
  await until(() => router.metric('slipway_router_open_connections', 'side="downstream"') === 0, 'no caller connected');
}

/** Reads a whole answer in small bites with pauses between them, as a phone on a train does. */
function slowly(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const req = http.get({ host: '127.0.0.1', port, agent: false, headers: { connection: 'close' } }, (res) => {
      let bytes = 0;
      res.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        res.pause();
        setImmediate(() => res.resume());
      });
      res.on('end', () => resolve(bytes));
      res.on('error', reject);
    });
    req.on('error', reject);
  });
}

describe('many at once', () => {
  it('slow callers get every byte', { timeout: 60_000 }, async () => {
    const pod = await http1Pod((_req, res) => res.end(LARGE));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    expect(await Promise.all(times(() => slowly(router.port)))).toEqual(times(() => LARGE.length));
    await nothingLeft(router);
  });

  it('callers that hang up, before, during and after their body and the answer, leave nothing behind', { timeout: 60_000 }, async () => {
    let open = 0;
    const pod = await http1Pod((req, res) => {
      open += 1;
      res.on('close', () => (open -= 1));
      req.resume();
      res.write(LARGE);
    });
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const body = 'POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n';
    const cuts = [body.slice(0, 10), body, `${body}${'x'.repeat(100)}`, `${body}${'x'.repeat(4000)}`];
    const sockets = times((index) => {
      const socket = net.connect(router.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(cuts[index % cuts.length] ?? '');
      return socket;
    });
    await until(() => open === MANY / cuts.length, 'the whole requests have reached the pod');
    for (const socket of sockets) socket.destroy();
    await until(() => open === 0, 'the pod is told that nobody waits');
    await nothingLeft(router);
  });

  it('half an answer is never passed on as a whole one, and the next caller gets a whole one', { timeout: 60_000 }, async () => {
    const half = await rawPod((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of it'));
    });
    const whole = await http1Pod((_req, res) => res.end('whole'), half.port);
    const router = await startRouter({ targetPort: half.port });
    router.pods({ stable: [half] });
    const agent = new http.Agent();
    const ends = await Promise.all(times(() => router.call({ agent, headers: { connection: 'close' } }).then(() => 'taken for whole', () => 'broken off')));
    expect(ends).toEqual(times(() => 'broken off'));
    await nothingLeft(router);
    router.pods({ stable: [whole] });
    expect((await router.call({ agent, headers: { connection: 'close' } })).text).toBe('whole');
    await nothingLeft(router);
    expect(router.metric('slipway_router_open_connections', 'side="upstream"')).toBeLessThanOrEqual(1);
  });
});
