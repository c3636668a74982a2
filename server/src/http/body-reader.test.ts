// How bodies are put together: whole, aligned, within the limit; and what their pieces came in is given back.
import { once } from 'node:events';
import net from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBody } from './body-reader.ts';

const LIMIT = 1024 * 1024;
const LARGE = 600_001;

let app: FastifyInstance;
let port: number;
/** The body that came last, and its pieces. */
let body: Buffer | undefined;
const pieces: Buffer[] = [];

beforeEach(async () => {
  body = undefined;
  pieces.length = 0;
  app = Fastify({ bodyLimit: LIMIT });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', readBody);
  app.addHook('preParsing', (request, _reply, payload, done) => {
    request.raw.on('data', (piece: Buffer) => pieces.push(piece));
    done(null, payload);
  });
  app.post('/', (request, reply) => {
    body = request.body as Buffer;
    return reply.send(String(body.length));
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  ({ port } = app.server.address() as net.AddressInfo);
});
afterEach(async () => {
  await app.close();
});

const PATTERN = Buffer.from(Array.from({ length: 251 }, (_, index) => (index * 7) % 251));
const bytes = (length: number): Buffer<ArrayBuffer> => Buffer.alloc(length, PATTERN);
const post = (sent: Buffer<ArrayBuffer> | ReadableStream): Promise<Response> => fetch(`http://127.0.0.1:${String(port)}/`, { method: 'POST', body: sent, duplex: 'half' });

describe('a body', () => {
  it.each([1, 65_536, 65_537, LARGE, LIMIT])('of %i bytes is whole', async (length) => {
    expect((await post(bytes(length))).status).toBe(200);
    expect(body?.equals(bytes(length))).toBe(true);
  });

  it('that is large ends at a multiple of the widest element, alone in its memory, and its pieces take no memory any more', async () => {
    await post(bytes(LARGE));
    const { byteOffset = 0, byteLength = 0, buffer } = body ?? {};
    expect((byteOffset + byteLength) % 8).toBe(0);
    expect(buffer?.byteLength).toBe(byteOffset + byteLength);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.map((piece) => piece.buffer.byteLength)).toEqual(pieces.map(() => 0));
  });

  it('whose length is not announced is whole too', async () => {
    const sent = bytes(LARGE);
    const stream = new ReadableStream({
      start(controller) {
        for (let at = 0; at < LARGE; at += 50_000) controller.enqueue(sent.subarray(at, at + 50_000));
        controller.close();
      },
    });
    expect((await post(stream)).status).toBe(200);
    expect(body?.equals(sent)).toBe(true);
  });

  it('beyond the limit is refused, announced or not', async () => {
    expect((await post(bytes(LIMIT + 1))).status).toBe(413);
    const endless = new ReadableStream({
      pull(controller) {
        controller.enqueue(bytes(65_536));
      },
    });
    const refused = await post(endless).then(({ status }) => status, () => 413); // the answer may come while it is still being sent
    expect(refused).toBe(413);
    expect(body).toBeUndefined();
  });

  it('that ends too early reaches nobody', async () => {
    const socket = net.connect(port, '127.0.0.1');
    const ended = once(app.server, 'connection').then(([server]) => new Promise((resolve) => (server as net.Socket).once('close', resolve)));
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-type: a/b\r\ncontent-length: ${String(LARGE)}\r\n\r\n`);
    socket.end(bytes(100_000));
    socket.on('error', () => undefined);
    await ended;
    expect(body).toBeUndefined();
    expect((await post(bytes(LARGE))).status).toBe(200);
  });
});
