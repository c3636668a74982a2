// The short way on real connections, in front of a server of Node's: what it takes, what it leaves to Node's parser with every byte unread.
import http from 'node:http';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { PlainHead } from '@slipway/api/http1';
import { PlainConnections, type PlainCall, type PlainCaller } from './connections.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const OK = 'HTTP/1.1 200 OK\r\n';
/** Says who answered, and what was asked. */
const saying = (body: Buffer, caller: PlainCaller): void => {
  const text = Buffer.from(`<plain ${body.toString()}>`);
  caller.answer(`${OK}content-length: ${text.length}\r\n`, text, text.length);
};

interface Front {
  port: number;
  plain: PlainConnections;
  /** This side of all connections so far. */
  sockets: net.Socket[];
  /** Connections that Node's server was given. */
  handed: () => number;
  /** Heads that were looked at. */
  heads: () => number;
  /** No further request is taken here. */
  drain: () => void;
}

async function front(call: PlainCall = saying, idleMs = 60_000): Promise<Front> {
  const node = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => response.end(`<node ${request.method ?? ''} ${request.url ?? ''} ${body}>`));
  });
  let handed = 0;
  let heads = 0;
  let drained = false;
  const take = ({ method, target }: PlainHead): PlainCall | undefined => {
    heads += 1;
    return method === 'POST' && target === '/plain' ? call : undefined;
  };
  const plain = new PlainConnections({ open: () => !drained, take, notPlain: (socket) => { handed += 1; node.emit('connection', socket); }, maxHeaderBytes: 16_384, maxBodyBytes: 1000, idleMs });
  const sockets: net.Socket[] = [];
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    plain.accept(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    plain.destroy();
    node.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as net.AddressInfo).port, plain, sockets, handed: () => handed, heads: () => heads, drain: () => { drained = true; } };
}

class Client {
  readonly socket: net.Socket;
  seen = '';
  closed = false;

  constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('error', () => undefined).on('data', (chunk) => (this.seen += chunk.toString('latin1'))).on('close', () => (this.closed = true));
    closing.push(() => void this.socket.destroy());
  }

  get told(): string[] {
    return [...this.seen.matchAll(/<[^>]*>/g)].map(([text]) => text);
  }
}

async function until(good: () => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; !good(); ) {
    if (performance.now() > end) throw new Error('it did not come true');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const HOST = 'Host: a\r\n';
const post = (body: string, { path = '/plain', fields = '' } = {}): string => `POST ${path} HTTP/1.1\r\n${HOST}${fields}Content-Length: ${body.length}\r\n\r\n${body}`;

describe('a connection', () => {
  it('is answered here while all of its requests are plain, each in turn, and says that it is kept', async () => {
    const { port } = await front();
    const client = new Client(port);
    client.socket.write(post('1') + post('2') + post('3'));
    await until(() => client.told.length === 3);
    expect(client.told).toEqual(['<plain 1>', '<plain 2>', '<plain 3>']);
    expect(client.seen).toMatch(/^HTTP\/1\.1 200 OK\r\ncontent-length: 9\r\nDate: [^\r]+ GMT\r\nConnection: keep-alive\r\nKeep-Alive: timeout=60\r\n\r\n</);
  });

  it('has a head that comes again looked at once, and every body read', async () => {
    const { port, heads } = await front();
    const client = new Client(port);
    for (let n = 1; n <= 4; n++) {
      client.socket.write(post(String(n)));
      await until(() => client.told.length === n);
    }
    expect([client.told, heads()]).toEqual([['<plain 1>', '<plain 2>', '<plain 3>', '<plain 4>'], 1]);
    client.socket.write(post('twelve') + post('5') + post('5', { path: '/plain', fields: 'X-A: b\r\n' }) + post('6', { path: '/other' }));
    await until(() => client.told.length === 8);
    expect(client.told.slice(4)).toEqual(['<plain twelve>', '<plain 5>', '<plain 5>', '<node POST /other 6>']);
  });

  it('goes to Node once the server takes no further request, also with a head that it knows', async () => {
    const { port, drain } = await front();
    const client = new Client(port);
    client.socket.write(post('1'));
    await until(() => client.told.length === 1);
    drain();
    client.socket.write(post('2'));
    await until(() => client.told.length === 2);
    expect(client.told).toEqual(['<plain 1>', '<node POST /plain 2>']);
  });

  it('is not read on while its caller does not read the answers', async () => {
    let asked = 0;
    const { port, sockets } = await front((_body, caller) => {
      asked += 1;
      const large = Buffer.alloc(512 * 1024, 'x');
      caller.answer(`${OK}content-length: ${large.length}\r\n`, large, large.length);
    });
    const client = new Client(port);
    client.socket.pause();
    client.socket.write(post('1').repeat(1000));
    // The kernel takes some megabytes of answers; all of them would be 500.
    await until(() => sockets.some((socket) => socket.writableNeedDrain));
    for (let turn = 0; turn < 500; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toBeLessThan(100);
    let read = 0;
    client.socket.removeAllListeners('data').on('data', (chunk) => (read += chunk.length));
    client.socket.resume();
    await until(() => asked === 1000 && read > 1000 * 512 * 1024);
  });

  it('may bring its requests in any pieces', async () => {
    const { port } = await front();
    const text = post('one') + post('two');
    for (let cut = 1; cut < text.length; cut += 7) {
      const client = new Client(port);
      client.socket.write(text.slice(0, cut));
      await new Promise((resolve) => setTimeout(resolve, 1));
      client.socket.write(text.slice(cut));
      await until(() => client.told.length === 2);
      // Half a head is for Node's parser, and with it the connection.
      for (const [index, told] of client.told.entries()) expect([`<plain ${['one', 'two'][index] ?? ''}>`, `<node POST /plain ${['one', 'two'][index] ?? ''}>`]).toContain(told);
      client.socket.destroy();
    }
  });

  it.each([
    ['another method', `GET /plain HTTP/1.1\r\n${HOST}\r\n`, '<node GET /plain >'],
    ['another path', post('x', { path: '/other' }), '<node POST /other x>'],
    ['a body in chunks', `POST /plain HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`, '<node POST /plain abc>'],
    ['a larger body', post('x'.repeat(1001)), `<node POST /plain ${'x'.repeat(1001)}>`],
    ['a connection that is to end', post('x', { fields: 'Connection: close\r\n' }), '<node POST /plain x>'],
  ])('goes to Node with the first request that is not: %s', async (_what, request, answer) => {
    const { port } = await front();
    const client = new Client(port);
    client.socket.write(post('1') + request);
    await until(() => client.told.length === 2);
    expect(client.told).toEqual(['<plain 1>', answer]);
    if (client.closed || request.includes('Connection: close')) return;
    client.socket.write(post('2'));
    await until(() => client.told.length === 3);
    expect(client.told[2]).toBe('<node POST /plain 2>');
  });

  it.each([
    ['two lengths', `POST /plain HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
    ['a length and chunks', `POST /plain HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a space before the colon', `POST /plain HTTP/1.1\r\n${HOST}Content-Length : 1\r\n\r\na`],
    ['a field that goes on in the next line', `POST /plain HTTP/1.1\r\n${HOST}X: a\r\n b\r\nContent-Length: bad\r\n\r\na`],
    ['no host', 'POST /plain HTTP/1.1\r\nContent-Length: 1\r\n\r\na'],
  ])('is refused by Node where a smuggler tries %s', async (_what, request) => {
    const calls: string[] = [];
    const { port } = await front((body, caller) => {
      calls.push(body.toString());
      saying(body, caller);
    });
    const client = new Client(port);
    client.socket.write(`${post('1')}${request}`);
    await until(() => client.seen.includes('HTTP/1.1 400 '));
    expect(calls).toEqual(['1']);
  });

  it('goes to Node with a body that does not come, every byte of it unread', async () => {
    const { port, handed } = await front();
    const client = new Client(port);
    const request = post('slowly');
    client.socket.write(request.slice(0, -3));
    await until(() => handed() === 1);
    client.socket.write(request.slice(-3));
    await until(() => client.told.length === 1);
    expect(client.told).toEqual(['<node POST /plain slowly>']);
  });

  it('that is idle is closed after the time that callers were told, and not one that waits for its answer', async () => {
    const waiting: PlainCaller[] = [];
    const { port } = await front((body, caller) => (body.toString() === 'later' ? void waiting.push(caller) : saying(body, caller)), 1000);
    const [idle, busy] = [new Client(port), new Client(port)];
    idle.socket.write(post('1'));
    busy.socket.write(post('later'));
    await until(() => idle.closed);
    expect(busy.closed).toBe(false);
    saying(Buffer.from('now'), waiting[0] as PlainCaller);
    await until(() => busy.told.length === 1);
  });

  it('that is idle is closed at once when the server is to end', async () => {
    const { port, plain } = await front();
    const client = new Client(port);
    client.socket.write(post('1'));
    await until(() => client.told.length === 1);
    plain.closeIdle();
    await until(() => client.closed);
  });
});

describe('an answer', () => {
  const ends = '€, \u{1f600} and é';
  it.each([
    ['text of ASCII', 'plain'],
    ['other text', ends],
    ['large text', `${'x'.repeat(20_000)}${ends}`],
    ['bytes', Buffer.from([0, 127, 128, 255])],
    ['many bytes', Buffer.alloc(20_000, 200)],
  ])('may be %s', async (_what, body) => {
    const bytes = Buffer.from(body as string);
    const { port } = await front((_body, caller) => { caller.answer(`${OK}content-length: ${bytes.length}\r\n`, body, bytes.length); });
    const client = new Client(port);
    client.socket.write(post('1'));
    const sent = bytes.toString('latin1');
    await until(() => client.seen.endsWith(`\r\n\r\n${sent}`));
  });
});

describe('a caller that hangs up', () => {
  it('before its answer is known by it, and nothing is written', async () => {
    const waiting: PlainCaller[] = [];
    const { port } = await front((_body, caller) => void waiting.push(caller));
    const client = new Client(port);
    client.socket.write(post('1'));
    await until(() => waiting.length === 1);
    expect(waiting[0]?.aborted).toBe(false);
    client.socket.destroy();
    await until(() => waiting[0]?.aborted === true);
    saying(Buffer.from('too late'), waiting[0] as PlainCaller);
  });
});
