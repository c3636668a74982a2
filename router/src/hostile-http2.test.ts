// Frames that no HTTP/2 library sends: pseudo-headers that lie, resets without end, header blocks without end. Bytes by hand.
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { call, closeAll, http1Pod, startRouter } from './testing/harness.ts';
import { frame, PREFACE } from './testing/http2-frames.ts';

afterEach(closeAll);

const [HEADERS, RST_STREAM, SETTINGS, GOAWAY, CONTINUATION] = [1, 3, 4, 7, 9];
const [END_STREAM, END_HEADERS] = [1, 4];

/** HPACK: each field a literal that is not indexed; names and values shorter than 127 bytes. */
const fields = (...list: [name: string, value: string][]): Buffer =>
  Buffer.concat(list.map(([name, value]) => Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name, 'latin1'), Buffer.from([value.length]), Buffer.from(value, 'latin1')])));

const GET: [string, string][] = [[':method', 'GET'], [':scheme', 'http'], [':authority', 'a'], [':path', '/']];

interface Told {
  type: number;
  stream: number;
  payload: Buffer;
}

/** A connection that has said its preface, and the frames it was told. */
async function connection(port: number): Promise<{ socket: net.Socket; told: Told[]; closed: Promise<unknown> }> {
  const socket = net.connect(port, '127.0.0.1');
  const told: Told[] = [];
  let rest = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const length = rest.readUIntBE(0, 3);
      told.push({ type: rest.readUInt8(3), stream: rest.readUInt32BE(5), payload: Buffer.from(rest.subarray(9, 9 + length)) });
      rest = rest.subarray(9 + length);
    }
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0)]));
  return { socket, told, closed };
}

async function routerWithPod() {
  const seen: string[] = [];
  const pod = await http1Pod((req, res) => {
    seen.push(`${req.method} ${req.url} ${req.headers.host}`);
    res.end('reached');
  });
  const router = await startRouter({ targetPort: pod.port });
  router.pods({ stable: [pod] });
  return { router, seen };
}

describe('HTTP/2 by hand', () => {
  it('is understood at all', async () => {
    const { router, seen } = await routerWithPod();
    const { socket, told } = await connection(router.port);
    socket.write(frame(HEADERS, END_STREAM | END_HEADERS, 1, fields(...GET)));
    await expect.poll(() => told.some(({ type, stream }) => type === HEADERS && stream === 1), { timeout: 10_000 }).toBe(true);
    expect(seen).toEqual(['GET / a']);
    socket.destroy();
  });

  it.each<[string, [string, string][]]>([
    ['two paths', [...GET, [':path', '/other']]],
    ['two methods', [[':method', 'POST'], ...GET]],
    ['no path', GET.filter(([name]) => name !== ':path')],
    ['an empty path', GET.map(([name, value]) => [name, name === ':path' ? '' : value])],
    ['no method', GET.filter(([name]) => name !== ':method')],
    ['no scheme', GET.filter(([name]) => name !== ':scheme')],
    ['a pseudo-header after a header', [...GET.slice(0, 3), ['x', '1'], [':path', '/']]],
    ['an unknown pseudo-header', [...GET, [':secret', '1']]],
    ["a response's pseudo-header", [...GET, [':status', '200']]],
    ['a line break in the path', GET.map(([name, value]) => [name, name === ':path' ? '/ HTTP/1.1\r\nX: y' : value])],
    ['a space in the method', GET.map(([name, value]) => [name, name === ':method' ? 'GET /x' : value])],
    ['a header of one connection', [...GET, ['transfer-encoding', 'chunked']]],
    ['an upper-case name', [...GET, ['X-Upper', '1']]],
    ['two lengths', [...GET, ['content-length', '0'], ['content-length', '5']]],
    ['a length that is not there', [...GET, ['content-length', '5']]],
  ])('%s: nothing reaches a pod as it is', async (_what, list) => {
    const { router, seen } = await routerWithPod();
    const { socket, told, closed } = await connection(router.port);
    socket.write(frame(HEADERS, END_STREAM | END_HEADERS, 1, fields(...list)));
    const refused = (): boolean => told.some(({ type, stream, payload }) => (type === RST_STREAM && stream === 1) || type === GOAWAY || (type === HEADERS && stream === 1 && payload.length > 0));
    await Promise.race([closed, expect.poll(refused, { timeout: 10_000 }).toBe(true)]);
    expect(seen).toEqual([]);
    socket.destroy();
    expect((await call(router.port)).status, 'others are served').toBe(200);
  });

  it('a request that is reset at once, without end (rapid reset), ends the connection; others are served', async () => {
    const { router, seen } = await routerWithPod();
    const { socket, told, closed } = await connection(router.port);
    const CANCEL = Buffer.from([0, 0, 0, 8]);
    let stream = 1;
    const burst = (count: number): Buffer =>
      Buffer.concat(Array.from({ length: count }, () => {
        const both = Buffer.concat([frame(HEADERS, END_STREAM | END_HEADERS, stream, fields(...GET)), frame(RST_STREAM, 0, stream, CANCEL)]);
        stream += 2;
        return both;
      }));
    let over = false;
    void closed.then(() => (over = true));
    while (!over && stream < 200_000 && !told.some(({ type }) => type === GOAWAY)) {
      socket.write(burst(500));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(stream, 'given up long before').toBeLessThan(200_000);
    expect((await call(router.port)).status).toBe(200);
    expect(seen.length).toBeLessThan(20_000);
    socket.destroy();
  }, 60_000);

  it('a header block without an end (CONTINUATION flood) ends the connection; others are served', async () => {
    const { router, seen } = await routerWithPod();
    const { socket, told, closed } = await connection(router.port);
    socket.write(frame(HEADERS, END_STREAM, 1, fields(...GET)));
    let [over, sent] = [false, 0];
    void closed.then(() => (over = true));
    const piece = frame(CONTINUATION, 0, 1, fields(...Array.from({ length: 100 }, (): [string, string] => ['x', 'y'.repeat(100)])));
    while (!over && sent < 64 * 1024 * 1024 && !told.some(({ type }) => type === GOAWAY)) {
      sent += piece.length;
      if (!socket.write(piece)) await Promise.race([once(socket, 'drain').catch(() => undefined), closed]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent, 'given up long before').toBeLessThan(64 * 1024 * 1024);
    expect(seen).toEqual([]);
    expect((await call(router.port)).status).toBe(200);
    socket.destroy();
  }, 60_000);
});
