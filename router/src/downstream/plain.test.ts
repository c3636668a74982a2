// The short way for plain requests on real connections: alone, with requests of the other kind, in pieces, pipelined, broken off.
import type http from 'node:http';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, http1Pod, onClose, rawCall, rawPod, startRouter, until } from '../testing/harness.ts';
import type { Router, RouterOptions, Upstream } from '../testing/harness.ts';

afterEach(closeAll);

const HOST = 'Host: a\r\n';
const post = (path: string, body: string, fields = ''): string => `POST ${path} HTTP/1.1\r\n${HOST}${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
/** Ends a conversation; it is read by Node's parser. */
const LAST = `GET /last HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;

/** Says what it was asked. */
const telling: http.RequestListener = (req, res) => {
  let body = '';
  req.on('data', (chunk: Buffer) => (body += chunk.toString()));
  req.on('end', () => res.end(`<${req.method ?? ''} ${req.url ?? ''} ${body}>`));
};

async function routerTo(pod: Upstream, over: Pick<RouterOptions, 'app'> = {}): Promise<Router> {
  const router = await startRouter({ targetPort: pod.port, ...over });
  router.pods({ stable: [pod] });
  return router;
}

const told = (answer: string): string[] => [...answer.matchAll(/<[^>]*>/g)].map((match) => match[0]);

class Connected {
  readonly socket: net.Socket;
  seen = '';
  closed = false;

  constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('error', () => undefined);
    this.socket.on('data', (chunk) => (this.seen += chunk.toString('latin1')));
    this.socket.on('close', () => (this.closed = true));
    onClose(() => void this.socket.destroy());
  }

  saw(text: string): Promise<void> {
    return until(() => this.seen.includes(text), `an answer with ${text}`);
  }
}

/** True when the socket takes more; false when it has not for a while: whoever reads it has stopped. */
function drains(socket: net.Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), 500);
    socket.once('drain', () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

describe('on one connection', () => {
  it('plain requests and others are answered in turn, in order', async () => {
    const router = await routerTo(await http1Pod(telling));
    const chunked = `POST /chunked HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`;
    const answer = await rawCall(router.port, post('/1', 'one') + post('/2', 'two') + chunked + post('/3', 'three') + LAST);
    expect(told(answer)).toEqual(['<POST /1 one>', '<POST /2 two>', '<POST /chunked abc>', '<POST /3 three>', '<GET /last >']);
  });

  it('requests may come in any pieces', { timeout: 60_000 }, async () => {
    const router = await routerTo(await http1Pod(telling));
    const text = post('/1', 'one') + post('/2', 'two');
    for (let cut = 1; cut < text.length; cut += 3) {
      const client = new Connected(router.port);
      client.socket.write(text.slice(0, cut));
      await new Promise((resolve) => setTimeout(resolve, 1));
      client.socket.write(text.slice(cut));
      await client.saw('<POST /2 two>');
      expect(told(client.seen)).toEqual(['<POST /1 one>', '<POST /2 two>']);
      client.socket.destroy();
    }
  });

  it('a large body is passed on as it comes and the next request still found', async () => {
    const router = await routerTo(await http1Pod((req, res) => {
      let bytes = 0;
      req.on('data', (chunk: Buffer) => (bytes += chunk.length));
      req.on('end', () => res.end(`<${bytes}>`));
    }));
    const answer = await rawCall(router.port, post('/large', 'x'.repeat(3_000_000)) + post('/small', 'y') + LAST);
    expect(told(answer)).toEqual(['<3000000>', '<1>', '<0>']);
  });

  it('what is wrong after a plain request is refused as it would be at first', async () => {
    const pod = await http1Pod(telling);
    const router = await routerTo(pod);
    const answer = await rawCall(router.port, `${post('/1', 'one')}POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*<POST \/1 one>HTTP\/1\.1 400 /);
    expect(pod.hits()).toBe(1);
  });
});

describe('a chunked body', () => {
  const HEAD = `POST /chunked HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`;
  const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
  const END = '0\r\n\r\n';

  it('that is all here goes on with a length, and the connection stays', async () => {
    const router = await routerTo(await http1Pod((req, res) => {
      let body = '';
      req.on('data', (part: Buffer) => (body += part.toString()));
      req.on('end', () => res.end(`<${req.headers['content-length'] ?? ''} ${req.headers['transfer-encoding'] ?? ''} ${body}>`));
    }));
    const client = new Connected(router.port);
    for (let i = 1; i <= 2; i++) {
      client.socket.write(HEAD + chunk('ab') + chunk('cd') + END);
      await until(() => told(client.seen).length === i, `answer ${i}`);
    }
    expect(told(client.seen)).toEqual(['<4  abcd>', '<4  abcd>']);
  });

  it('that comes little by little is passed on as it comes, with its trailers', async () => {
    const seen: string[] = [];
    const router = await routerTo(await http1Pod((req, res) => {
      req.on('data', (part: Buffer) => seen.push(part.toString()));
      req.on('end', () => res.end(`<${req.rawTrailers.join('=')}>`));
    }));
    const client = new Connected(router.port);
    client.socket.write(HEAD + chunk('first'));
    await until(() => seen.join('') === 'first', 'the first chunk at the pod');
    client.socket.write(`${chunk('second')}0\r\nX-Sum: 6\r\n\r\n`);
    await client.saw('<X-Sum=6>');
    expect(seen.join('')).toBe('firstsecond');
    client.socket.write(LAST);
    await until(() => client.closed, 'the connection ends');
    expect(client.seen.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  });

  it('that its pod does not take waits with its caller, and arrives whole when it does', async () => {
    let take = (): void => undefined;
    const router = await routerTo(await http1Pod((req, res) => {
      let bytes = 0;
      take = () => req.on('data', (part: Buffer) => (bytes += part.length)).on('end', () => res.end(`<${bytes}>`));
    }), { app: { maxBodyBytes: 1e9 } });
    const client = new Connected(router.port);
    client.socket.write(HEAD);
    const piece = chunk('x'.repeat(64 * 1024));
    let sent = 0;
    const more = (): boolean => {
      sent++;
      return client.socket.write(piece);
    };
    // Kernel buffers on both sides of the router fill up; a router that read on would take all of it.
    while (sent < 2000 && (more() || (await drains(client.socket))));
    expect(sent).toBeLessThan(2000);
    take();
    client.socket.write(END);
    await client.saw(`<${sent * 64 * 1024}>`);
  });

  it('that is too large is 413 as soon as it is, and ends the connection', async () => {
    const router = await routerTo(await http1Pod(telling), { app: { maxBodyBytes: 1000 } });
    for (const pieces of [[HEAD + chunk('x'.repeat(2000)) + END], [HEAD, chunk('x'.repeat(900)), chunk('x'.repeat(900))]]) {
      const client = new Connected(router.port);
      for (const piece of pieces) {
        client.socket.write(piece);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await until(() => client.closed, 'the connection ends');
      expect(client.seen).toMatch(/^HTTP\/1\.1 413 [^]*Connection: close\r\n[^]*body_too_large/);
      expect(client.seen.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    }
    await until(() => router.app.underWay === 0, 'nothing under way');
  });

  it('that turns out to be none after its answer has begun breaks the answer off', async () => {
    const router = await routerTo(await http1Pod((req, res) => {
      req.on('error', () => undefined);
      res.write('<begun>');
    }));
    const client = new Connected(router.port);
    client.socket.write(HEAD + chunk('first'));
    await client.saw('<begun>');
    client.socket.write('nonsense\r\n');
    await until(() => client.closed, 'the connection ends');
    expect(client.seen).not.toMatch(/ 400 |0\r\n\r\n$/);
    await until(() => router.app.underWay === 0, 'nothing under way');
    expect(router.metric('slipway_router_requests_total', 'code="499"')).toBe(1);
  });

  it('that its caller breaks off is nothing that a pod could take for whole', async () => {
    const ends: string[] = [];
    const router = await routerTo(await http1Pod((req) => {
      req.resume();
      req.on('end', () => ends.push('end')).on('error', () => ends.push('error'));
    }));
    const client = new Connected(router.port);
    client.socket.write(HEAD + chunk('half'));
    await until(() => router.app.underWay === 1, 'under way');
    client.socket.end();
    await until(() => client.closed && ends.length > 0, 'both ends');
    expect(ends).toEqual(['error']);
  });

  it('is sent again to another pod like any other', async () => {
    const alive = await http1Pod(telling);
    const dead = await rawPod((socket) => socket.once('data', () => socket.destroy()), alive.port);
    const router = await startRouter({ targetPort: alive.port });
    router.pods({ stable: [dead, alive] });
    const client = new Connected(router.port);
    for (let i = 1; i <= 2; i++) {
      client.socket.write(HEAD + chunk('body') + END);
      await until(() => told(client.seen).length === i, `answer ${i}`);
    }
    expect(told(client.seen)).toEqual(['<POST /chunked body>', '<POST /chunked body>']);
    expect(dead.hits()).toBe(1);
  });
});

describe('an answer', () => {
  it('without a length is chunked, with its trailers, and the connection goes on', async () => {
    const router = await routerTo(await http1Pod((_req, res) => {
      res.writeHead(200, { trailer: 'X-Sum' });
      res.write('<part>');
      res.addTrailers({ 'X-Sum': '6' });
      res.end('<end>');
    }));
    const client = new Connected(router.port);
    client.socket.write(post('/1', 'a'));
    await client.saw('\r\n0\r\n');
    expect(client.seen).toMatch(/Transfer-Encoding: chunked\r\n[^]*\r\n\r\n6\r\n<part>\r\n5\r\n<end>\r\n0\r\nX-Sum: 6\r\n\r\n$/);
    client.seen = '';
    client.socket.write(post('/2', 'a'));
    await client.saw('<end>');
  });

  it.each([204, 304])('of status %i has no body and no length of its own, and the connection goes on', async (status) => {
    const router = await routerTo(await http1Pod((_req, res) => res.writeHead(status).end()));
    const client = new Connected(router.port);
    client.socket.write(post('/1', 'a'));
    await client.saw('\r\n\r\n');
    expect(client.seen).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(client.seen).not.toMatch(/content-length|transfer-encoding/i);
    client.socket.write(post('/2', 'a'));
    await until(() => client.seen.match(/HTTP\/1\.1 /g)?.length === 2, 'the second answer');
  });

  it('has a date, the pod\'s own where it gave one', async () => {
    const given = 'Tue, 15 Nov 1994 08:12:31 GMT';
    const router = await routerTo(await rawPod((socket) => socket.on('data', (chunk) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n${chunk.includes('/dated') ? `date: ${given}\r\n` : ''}\r\nok`);
    })));
    const client = new Connected(router.port);
    client.socket.write(`GET /dated HTTP/1.1\r\n${HOST}\r\n`);
    await client.saw('ok');
    expect(client.seen.match(/date: .*/gi)).toEqual([`date: ${given}`]);
    client.seen = '';
    client.socket.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    await client.saw('ok');
    const [date = ''] = client.seen.match(/(?<=date: ).*/i) ?? [];
    expect(Math.abs(Date.parse(date) - Date.now())).toBeLessThan(60_000);
  });

  it('that comes before the request is complete reaches a caller that goes on sending, and ends the connection', async () => {
    const router = await routerTo(await http1Pod(telling), { app: { maxBodyBytes: 1000 } });
    const client = new Connected(router.port);
    client.socket.write(`POST / HTTP/1.1\r\n${HOST}Content-Length: 2000000\r\n\r\n${'x'.repeat(1_000_000)}`);
    client.socket.write('x'.repeat(1_000_000));
    await until(() => client.closed, 'the connection ends');
    expect(client.seen).toMatch(/^HTTP\/1\.1 413 [^]*Connection: close\r\n[^]*body_too_large/);
    expect(client.seen.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  it('that is cut off by its pod is cut off for the caller', async () => {
    const router = await routerTo(await rawPod((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n<half'))));
    const client = new Connected(router.port);
    client.socket.write(post('/', 'a'));
    await until(() => client.closed, 'the connection ends');
    expect(client.seen).toContain('<half');
  });
});

describe('a caller that ends', () => {
  it('in the middle of its body sends nothing to a pod', async () => {
    const pod = await http1Pod(telling);
    const router = await routerTo(pod);
    const client = new Connected(router.port);
    client.socket.end(`POST / HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\nhalf`);
    await until(() => client.closed, 'the connection ends');
    await until(() => router.app.underWay === 0, 'nothing under way');
    expect(pod.hits()).toBe(0);
    expect(router.metric('slipway_router_requests_total', 'code="499"')).toBe(1);
  });

  it('between requests ends its connection', async () => {
    const router = await routerTo(await http1Pod(telling));
    const client = new Connected(router.port);
    client.socket.write(post('/', 'a'));
    await client.saw('<POST / a>');
    client.socket.end();
    await until(() => client.closed, 'the connection ends');
    await until(() => router.metric('slipway_router_open_connections', 'side="downstream"') === 0, 'no caller connected');
  });
});
