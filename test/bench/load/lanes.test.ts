// The bench's own clients: what they call well is a whole answer, and every other end is told as what it was.
import http from 'node:http';
import type net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createListener } from '../../../server/src/http/listener.ts';
import { grpcHandler } from '../../../server/src/protocols/grpc/server.ts';
import { GRPC, GrpcError } from '../../../server/src/protocols/grpc/status.ts';
import { grpcLanes } from './grpc-lane.ts';
import { httpLanes } from './http-lane.ts';
import { CLOSED, type Lane } from './lane.ts';

const servers: net.Server[] = [];
const sockets = new Set<net.Socket>();

async function listening(server: net.Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: net.Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as net.AddressInfo).port;
}

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const server of servers.splice(0)) server.close();
});

const once = (lane: Lane | undefined): Promise<string | undefined> => new Promise((resolve) => lane?.send(resolve));

describe('a lane of HTTP/1.1', () => {
  const answer: Record<string, (response: http.ServerResponse, body: string) => void> = {
    '/whole': (response, body) => response.end(`got ${body}`),
    '/chunked': (response) => {
      response.write('first ');
      setImmediate(() => response.end('second'));
    },
    '/refused': (response) => response.writeHead(503).end('busy'),
    '/gone': (response) => response.socket?.destroy(),
  };

  async function lane(path: string): Promise<Lane | undefined> {
    const port = await listening(http.createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => answer[request.url ?? '']?.(response, body));
    }));
    const [only] = await httpLanes({ port, path, headers: { 'content-type': 'text/plain' }, body: Buffer.from('a body') }, 1);
    return only;
  }

  it('sends again on the same connection', async () => {
    const at = await lane('/whole');
    expect([await once(at), await once(at)]).toEqual([undefined, undefined]);
    expect(sockets.size).toBe(1);
  });

  it('waits for the last chunk', async () => {
    expect(await once(await lane('/chunked'))).toBeUndefined();
  });

  it('shows an answer that is not 200', async () => {
    expect(await once(await lane('/refused'))).toMatch(/^HTTP\/1.1 503/);
  });

  it('tells of a connection that ends, and sends no more on it', async () => {
    const at = await lane('/gone');
    expect(await once(at)).toBe(CLOSED);
    expect(await once(at)).toBe(CLOSED);
  });
});

describe('lanes of gRPC', () => {
  async function lanes(path: string, count: number): Promise<Lane[]> {
    const handler = grpcHandler({
      methods: {
        '/test.Echo/Say': { kind: 'unary', answer: (message) => Promise.resolve(message) },
        '/test.Echo/Fail': { kind: 'unary', answer: () => Promise.reject(new GrpcError(GRPC.invalidArgument, 'no')) },
      },
      maxMessageBytes: 100_000,
      revision: undefined,
      drain: () => 'serving',
      admit: () => () => undefined,
      failed: () => undefined,
    });
    const port = await listening(createListener(() => undefined, handler).server);
    return grpcLanes({ port, path, headers: {}, message: Buffer.alloc(15_000, 7) }, count);
  }

  it('share one connection, and wait where its window is full', async () => {
    const all = await lanes('/test.Echo/Say', 8);
    const ends = await Promise.all([...all, ...all].map(once));
    expect(ends).toEqual(new Array(16).fill(undefined));
    expect(sockets.size).toBe(1);
  });

  it('show trailers without a message', async () => {
    const [lane] = await lanes('/test.Echo/Fail', 1);
    expect(await once(lane)).toBe('trailers without a message');
  });
});
