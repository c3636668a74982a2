// Nothing is lost: routers that leave, pods that come, go and crash, all under load; callers that keep connections and callers that do not.
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { backend, call, closeAll, http1Pod, onClose, startRouter, until } from './testing/harness.ts';
import type { Router, Upstream } from './testing/harness.ts';
import { PREFACE, frame } from './testing/http2-frames.ts';

afterEach(closeAll);

const answering: http.RequestListener = (req, res) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => res.end(Buffer.concat(chunks)));
};

interface Load {
  sent: number;
  failures: string[];
  stop(): Promise<void>;
}

/** Callers that each send one request after another, to the port that `port` names when a connection is opened. */
function startLoad(port: () => number, callers: number, keepAlive: boolean): Load {
  const agent = new http.Agent({ keepAlive, maxSockets: callers });
  // A kept connection belongs to the router it was opened to; only new ones go where the service points now.
  agent.createConnection = (options: http.ClientRequestArgs) => net.connect({ ...(options as net.TcpNetConnectOpts), port: port() });
  const load: Load = { sent: 0, failures: [], stop: () => Promise.resolve() };
  let running = true;
  const caller = async (): Promise<void> => {
    while (running) {
      const body = `request ${load.sent++}`;
      try {
        const answer = await call(80, { agent, body });
        if (answer.status !== 200 || answer.text !== body) load.failures.push(`${answer.status} ${answer.text}`);
      } catch (error) {
        load.failures.push(String(error));
      }
    }
  };
  const done = Promise.all(Array.from({ length: callers }, caller));
  load.stop = async () => {
    running = false;
    await done;
    agent.destroy();
  };
  onClose(() => load.stop());
  return load;
}

const more = (load: Load, requests: number): Promise<void> => {
  const goal = load.sent + requests;
  return until(() => load.sent >= goal, `${requests} more requests`, 30_000);
};

describe.each([{ keepAlive: true }, { keepAlive: false }])('under load (keep-alive: $keepAlive)', ({ keepAlive }) => {
  it('routers are replaced one after the other without a lost request', { timeout: 60_000 }, async () => {
    const pod = await http1Pod(answering);
    const start = async (): Promise<Router> => {
      const router = await startRouter({ targetPort: pod.port });
      router.pods({ stable: [pod] });
      return router;
    };
    let routers = [await start(), await start()];
    let next = 0;
    const load = startLoad(() => (routers[next++ % routers.length] as Router).port, 8, keepAlive);
    await more(load, 300);
    for (let round = 0; round < 4; round++) {
      const [leaving, staying] = routers as [Router, Router];
      const arriving = await start();
      const unpublished = Promise.withResolvers<void>();
      const drained = leaving.app.drain({ acceptUntil: unpublished.promise });
      // Deletion unpublishes the pod only a little later; until then it still gets new connections.
      await more(load, 100);
      routers = [staying, arriving];
      await more(load, 100);
      unpublished.resolve();
      await drained;
      expect(leaving.app.underWay).toBe(0);
      await leaving.app.close();
      await more(load, 100);
    }
    await load.stop();
    expect(load.failures).toEqual([]);
  });

  it('pods come, leave and crash without a lost request', { timeout: 60_000 }, async () => {
    const first = await http1Pod(answering);
    const router = await startRouter({ targetPort: first.port, route: { backends: [backend('stable', 70, 'v1'), backend('canary', 30, 'v2')] } });
    let stable = [first, await http1Pod(answering, first.port)];
    let canary = [await http1Pod(answering, first.port)];
    router.pods({ stable, canary });
    const load = startLoad(() => router.port, 8, keepAlive);
    for (let round = 0; round < 6; round++) {
      // A crash: every connection is cut, and the address is still there for a while.
      await (stable[0] as Upstream).stop();
      await more(load, 100);
      stable = [stable[1] as Upstream, await http1Pod(answering, first.port)];
      router.pods({ stable, canary });
      await more(load, 50);
      // The whole of the candidate goes: its share is answered by the other.
      await (canary[0] as Upstream).stop();
      await more(load, 50);
      canary = [await http1Pod(answering, first.port)];
      router.pods({ stable, canary });
      await more(load, 50);
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(router.metric('slipway_router_retries_total')).toBeGreaterThan(0);
    expect(router.metric('slipway_router_requests_in_flight')).toBe(0);
  });
});

describe('leaving', () => {
  it('asks callers to leave, finishes what is under way, and accepts until the delay is over', async () => {
    const waiting: http.ServerResponse[] = [];
    const pod = await http1Pod((req, res) => (req.url === '/slow' ? void waiting.push(res) : void res.end('fast')));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const slow = router.call({ path: '/slow' });
    await until(() => waiting.length === 1, 'slow request at the pod');
    let drained = false;
    const delay = Promise.withResolvers<void>();
    const draining = router.app.drain({ acceptUntil: delay.promise }).then(() => (drained = true));
    const fast = await router.call({ agent: new http.Agent({ keepAlive: true }) });
    expect(fast.text).toBe('fast');
    expect(fast.headers['connection']).toBe('close');
    delay.resolve();
    await until(async () => call(router.port).then(() => false, () => true), 'port closed');
    expect(drained).toBe(false);
    waiting[0]?.end('finished');
    expect((await slow).text).toBe('finished');
    await draining;
  });

  it('closes connections that are idle when the delay is over', async () => {
    const pod = await http1Pod(answering);
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const socket = net.connect(router.port, '127.0.0.1');
    onClose(() => void socket.destroy());
    let ended = false;
    socket.on('close', () => (ended = true));
    await new Promise<void>((resolve) => {
      socket.once('data', () => resolve());
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    });
    await router.app.drain({ acceptUntil: Promise.resolve() });
    await until(() => ended, 'idle connection closed');
  });

  it('gives up on what does not end in time', async () => {
    const pod = await http1Pod(() => undefined);
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const stuck = router.call().catch((error: unknown) => error);
    await until(() => pod.hits() === 1, 'request at the pod');
    await router.app.drain({ acceptUntil: Promise.resolve(), finishMs: 50 });
    expect(router.app.underWay).toBe(1);
    await router.app.close();
    expect(await stuck).toBeInstanceOf(Error);
  });

  it('tells HTTP/2 callers with GOAWAY and still serves their streams', async () => {
    const waiting: http.ServerResponse[] = [];
    const pod = await http1Pod((_req, res) => void waiting.push(res));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const client = http2.connect(`http://127.0.0.1:${router.port}`);
    onClose(() => client.destroy());
    const told = new Promise<number>((resolve) => client.on('goaway', resolve));
    const stream = client.request({ ':path': '/' });
    const status = new Promise<unknown>((resolve) => stream.on('response', (headers) => resolve(headers[':status'])));
    stream.resume();
    await until(() => waiting.length === 1, 'stream at the pod');
    const draining = router.app.drain({ acceptUntil: told });
    expect(await told).toBe(http2.constants.NGHTTP2_NO_ERROR);
    waiting[0]?.end('finished');
    expect(await status).toBe(200);
    await draining;
  });
});

describe('a stream that crosses with GOAWAY', () => {
  const [HEADERS, SETTINGS, GOAWAY] = [1, 4, 7];
  /** `:method GET`, `:scheme http`, `:path /`, `:authority a` (RFC 7541, appendix A). */
  const GET = Buffer.from([0x82, 0x86, 0x84, 0x41, 0x01, 0x61]);
  const END_STREAM_AND_HEADERS = 5;
  const ACKNOWLEDGED = 1;

  /** A caller that does not mind GOAWAY: what it sends is what would have been on its way. */
  async function rawCaller(port: number) {
    const socket = net.connect(port, '127.0.0.1');
    onClose(() => void socket.destroy());
    const told: { type: number; stream: number; payload: Buffer }[] = [];
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (let size = rest.length < 9 ? Infinity : rest.readUIntBE(0, 3); rest.length >= 9 + size; size = rest.length < 9 ? Infinity : rest.readUIntBE(0, 3)) {
        const [type, flags] = [rest.readUInt8(3), rest.readUInt8(4)];
        told.push({ type, stream: rest.readUInt32BE(5), payload: rest.subarray(9, 9 + size) });
        if (type === SETTINGS && flags === 0) socket.write(frame(SETTINGS, ACKNOWLEDGED, 0));
        rest = rest.subarray(9 + size);
      }
    });
    socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0)]));
    return {
      told,
      open: (stream: number): unknown => socket.write(frame(HEADERS, END_STREAM_AND_HEADERS, stream, GET)),
      answered: (stream: number): boolean => told.some((each) => each.type === HEADERS && each.stream === stream),
    };
  }

  it.each(['old', 'new'])('is answered at once, on an %s connection', async (age) => {
    const pod = await http1Pod(answering);
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const delay = Promise.withResolvers<void>();
    const early = age === 'old' ? await rawCaller(router.port) : undefined;
    if (early !== undefined) {
      early.open(1);
      await until(() => early.answered(1), 'an answer before');
    }
    const draining = router.app.drain({ acceptUntil: delay.promise });
    const caller = early ?? (await rawCaller(router.port));
    await until(() => caller.told.some(({ type }) => type === GOAWAY), 'GOAWAY');
    expect(caller.told[0]?.type, 'what a server says first').toBe(SETTINGS);
    caller.open(3);
    await until(() => caller.answered(3), 'an answer although the router leaves');
    // The highest id there is: no stream is turned down yet.
    expect(caller.told.filter(({ type }) => type === GOAWAY).map(({ payload }) => [payload.readUInt32BE(0), payload.readUInt32BE(4)])).toEqual([[2 ** 31 - 1, 0]]);
    delay.resolve();
    await draining;
    await until(() => caller.told.filter(({ type }) => type === GOAWAY).length > 1, 'the second GOAWAY');
    expect(caller.told.findLast(({ type }) => type === GOAWAY)?.payload.readUInt32BE(0), 'the last stream that was served').toBe(3);
  });
});

describe('an answer that was given', () => {
  it('reaches a slow reader whole before the router ends', async () => {
    const size = 3 * 1024 * 1024;
    const pod = await http1Pod((_req, res) => res.end(Buffer.alloc(size)));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const socket = net.connect(router.port, '127.0.0.1');
    onClose(() => void socket.destroy());
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => pod.hits() === 1, 'request at the pod');
    const left = router.app.drain({ acceptUntil: Promise.resolve(), finishMs: 10_000 }).then(() => router.app.close());
    let bytes = 0;
    socket.on('data', (chunk) => (bytes += chunk.length));
    const ended = new Promise((resolve) => socket.on('close', resolve));
    socket.resume();
    await ended;
    await left;
    expect(bytes).toBeGreaterThanOrEqual(size);
  });
});
