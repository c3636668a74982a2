// What nobody well-meaning sends: requests that two parsers could read differently, floods, oversize. A table of bytes and answers.
import net from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { call, closeAll, http1Pod, rawCall, rawPod, startRouter, until } from './testing/harness.ts';

afterEach(closeAll);

/** Everything that comes back until the connection ends; the bytes are sent in two pieces that are read one after the other. */
function callInPieces(port: number, text: string, cut = 0): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true }, () => {
      socket.write(text.slice(0, cut), 'latin1');
      setTimeout(() => socket.write(text.slice(cut), 'latin1'), 2);
    });
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}

const CLOSE = 'Connection: close\r\n';

describe('requests that could be smuggled', () => {
  it.each([
    ['chunked beside a length', `POST / HTTP/1.1\r\nHost: a\r\n${CLOSE}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a length beside chunked', `POST / HTTP/1.1\r\nHost: a\r\n${CLOSE}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`],
    ['two lengths', `POST / HTTP/1.1\r\nHost: a\r\n${CLOSE}Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc`],
    ['the same length twice', `POST / HTTP/1.1\r\nHost: a\r\n${CLOSE}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab`],
    ['a list of lengths', `POST / HTTP/1.1\r\nHost: a\r\n${CLOSE}Content-Length: 2, 2\r\n\r\nab`],
    ['a signed length', `POST / HTTP/1.1\r\nHost: a\r\n${CLOSE}Content-Length: +2\r\n\r\nab`],
    ['a negative length', `POST / HTTP/1.1\r\nHost: a\r\n${CLOSE}Content-Length: -2\r\n\r\nab`],
    ['a hexadecimal length', `POST / HTTP/1.1\r\nHost: a\r\n${CLOSE}Content-Length: 0x2\r\n\r\nab`],
    ['a length beyond numbers', `POST / HTTP/1.1\r\nHost: a\r\n${CLOSE}Content-Length: 99999999999999999999\r\n\r\nab`],
    ['an unknown transfer encoding', `POST / HTTP/1.1\r\nHost: a\r\n${CLOSE}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ['chunked that is not last', `POST / HTTP/1.1\r\nHost: a\r\n${CLOSE}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
    ['chunked twice', `POST / HTTP/1.1\r\nHost: a\r\n${CLOSE}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`],
    ['a folded header', `GET / HTTP/1.1\r\nHost: a\r\n${CLOSE}X: 1\r\n Transfer-Encoding: chunked\r\n\r\n`],
    ['a space before the colon', `POST / HTTP/1.1\r\nHost: a\r\n${CLOSE}Content-Length : 2\r\n\r\nab`],
    ['a header without a colon', `GET / HTTP/1.1\r\nHost: a\r\n${CLOSE}Nonsense\r\n\r\n`],
    ['a control character in a header', `GET / HTTP/1.1\r\nHost: a\r\n${CLOSE}X: a\u0000b\r\n\r\n`],
    ['a bare carriage return in a header', `GET / HTTP/1.1\r\nHost: a\r\n${CLOSE}X: a\rTransfer-Encoding: chunked\r\n\r\n`],
    ['a bad chunk size', `POST / HTTP/1.1\r\nHost: a\r\n${CLOSE}Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n`],
    ['a chunk longer than its size', `POST / HTTP/1.1\r\nHost: a\r\n${CLOSE}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n`],
    ['two hosts', `GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n${CLOSE}\r\n`],
    ['no host', `GET / HTTP/1.1\r\n${CLOSE}\r\n`],
    ['a space in the target', `GET /a b HTTP/1.1\r\nHost: a\r\n${CLOSE}\r\n`],
    ['a target that is no path', `GET a HTTP/1.1\r\nHost: a\r\n${CLOSE}\r\n`],
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
    ['a TLS hello', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000'],
  ])('%s: refused with 400, nothing reaches a pod', async (_what, bytes) => {
    const pod = await http1Pod((_req, res) => res.end('reached'));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const answer = await rawCall(router.port, Buffer.from(bytes, 'latin1'));
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).not.toContain('reached');
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  it('bare line feeds are refused or mean the same to the pod', async () => {
    const seen: string[] = [];
    const pod = await rawPod((socket) => socket.on('data', (chunk) => {
      seen.push(chunk.toString('latin1'));
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    }));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    await rawCall(router.port, 'GET / HTTP/1.1\nHost: a\nConnection: close\n\nGET /smuggled HTTP/1.1\nHost: a\n\n');
    for (const text of seen) expect(text.match(/\r\n\r\n/g)).toHaveLength(1);
    expect(seen.join('')).not.toMatch(/[^\r]\n/);
  });

  it('a declared hop-by-hop header cannot take the length away', async () => {
    const pod = await http1Pod((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      req.on('end', () => res.end(`${req.headers['content-length']} ${req.headers.host} ${body}`));
    });
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const answer = await rawCall(router.port, 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close, Content-Length, Host\r\nContent-Length: 2\r\n\r\nhi');
    expect(answer).toContain('2 a hi');
  });

  it('pipelined requests are answered in order, each by itself', async () => {
    const pod = await http1Pod((req, res) => res.end(req.url));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const answer = await rawCall(router.port, 'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect([...answer.matchAll(/\r\n\r\n(\/[123])/g)].map((m) => m[1])).toEqual(['/1', '/2', '/3']);
  });
});

describe('chunked bodies that could be smuggled, on a connection that is kept', () => {
  const HEAD = 'POST /first HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
  const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';

  /** Tells the targets that reached it; all requests have been taken in whole. */
  async function recording(): Promise<{ port: number; reached: string[] }> {
    const reached: string[] = [];
    const pod = await http1Pod((req, res) => req.resume().on('end', () => {
      reached.push(req.url ?? '');
      res.end('reached');
    }).on('error', () => undefined));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    return { port: router.port, reached };
  }

  it.each([
    ['a hexadecimal prefix', '0x3\r\nabc\r\n0\r\n\r\n'],
    ['an empty size', '\r\n0\r\n\r\n'],
    ['a sign', '+3\r\nabc\r\n0\r\n\r\n'],
    ['a size that wraps around in 64 bits', `10000000000000000\r\n\r\n${SMUGGLED}`],
    ['a size beyond numbers', `ffffffffffffffffffff\r\n${SMUGGLED}`],
    ['a bare line feed after a size', '3\nabc\r\n0\r\n\r\n'],
    ['a bare carriage return after a size', '3\rabc\r\n0\r\n\r\n'],
    ['a bare line feed after the data', '3\r\nabc\n0\r\n\r\n'],
    ['data longer than its size', '1\r\nabc\r\n0\r\n\r\n'],
    ['data shorter than its size', `8\r\nabc\r\n0\r\n\r\n${SMUGGLED}`],
    ['an extension with a line feed', `3;a\nb\r\nabc\r\n0\r\n\r\n`],
    ['an extension with a null', `3;a\u0000\r\nabc\r\n0\r\n\r\n`],
    ['a last line of a bare line feed', `0\r\n\n${SMUGGLED}`],
    ['a trailer that frames', `0\r\nContent-Length: 40\r\n\r\n${SMUGGLED}`],
    ['a folded trailer', `0\r\nX: a\r\n b\r\n\r\n${SMUGGLED}`],
  ])('%s: refused with 400, wherever the bytes are cut; nothing after it is read', async (_what, body) => {
    const { port, reached } = await recording();
    const text = HEAD + body;
    const cuts = [undefined, ...Array.from({ length: body.length - 1 }, (_, i) => HEAD.length + i)];
    const answers = await Promise.all(cuts.map((cut) => callInPieces(port, text, cut)));
    for (const [i, answer] of answers.entries()) expect(answer, `cut at ${cuts[i] ?? 'no place'}`).toMatch(/^HTTP\/1\.1 400 [^]*Connection: close\r\n(?![^]*HTTP\/1\.1 )/);
    expect(reached).toEqual([]);
  });

  it.each([
    ['leading zeros', '0000000003\r\nabc\r\n000\r\n\r\n'],
    ['extensions', '3;a=b;c="d"\r\nabc\r\n0;e\r\n\r\n'],
    ['a request as its data', `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`],
    ['an end as its data', '5\r\n0\r\n\r\n\r\n0\r\n\r\n'],
  ])('%s: one request, wherever the bytes are cut, and the next is the next', async (_what, body) => {
    const { port, reached } = await recording();
    const text = `${HEAD}${body}GET /second HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
    for (let cut = HEAD.length; cut < HEAD.length + body.length + 2; cut++) {
      expect((await callInPieces(port, text, cut)).match(/HTTP\/1\.1 200 /g), `cut at ${cut}`).toHaveLength(2);
      expect(reached.splice(0)).toEqual(['/first', '/second']);
    }
  });
});

describe('anything at all', () => {
  const part = fc.oneof(
    fc.constantFrom('GET / HTTP/1.1\r\n', 'POST /p HTTP/1.1\r\n', 'Host: a\r\n', 'Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', 'Connection: close, x\r\n', 'Expect: 100-continue\r\n', 'Upgrade: websocket\r\n', '\r\n', 'abc', '0\r\n\r\n', '3\r\nabc\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    fc.string({ maxLength: 30, unit: 'binary-ascii' }),
  );

  it('as bytes of a connection never harms the router', { timeout: 60_000 }, async () => {
    const pod = await http1Pod((req, res) => req.resume().on('end', () => res.end('ok')));
    const router = await startRouter({ targetPort: pod.port, app: { headTimeoutMs: 50 }, route: { timeoutSeconds: 0.05 } });
    router.pods({ stable: [pod] });
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 10 }), async (parts) => {
        const socket = net.connect(router.port, '127.0.0.1');
        const closed = new Promise((resolve) => socket.on('close', resolve));
        socket.on('error', () => undefined);
        socket.resume();
        socket.end(parts.join(''), 'latin1');
        await closed;
      }),
      { numRuns: 300 },
    );
    router.route({ timeoutSeconds: 5 });
    expect((await router.call()).text).toBe('ok');
    await until(() => router.app.underWay === 0, 'nothing under way');
  });

  it('as an answer of a pod never harms the router or the next caller', { timeout: 60_000 }, async () => {
    const answerPart = fc.oneof(
      fc.constantFrom('HTTP/1.1 200 OK\r\n', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 421 X\r\n', 'HTTP/1.0 200 OK\r\n', 'content-length: 3\r\n', 'content-length: 0\r\n', 'transfer-encoding: chunked\r\n', 'connection: keep-alive\r\n', '\r\n', 'abc', '0\r\n\r\n', '3\r\nabc\r\n'),
      fc.string({ maxLength: 30, unit: 'binary-ascii' }),
    );
    let text = '';
    const pod = await rawPod((socket) => socket.once('data', () => socket.end(text, 'latin1')));
    const sane = await http1Pod((_req, res) => res.end('sane'), pod.port);
    const router = await startRouter({ targetPort: pod.port, route: { retry: 'Never' } });
    await fc.assert(
      fc.asyncProperty(fc.array(answerPart, { minLength: 1, maxLength: 8 }), async (parts) => {
        text = parts.join('');
        router.pods({ stable: [pod] });
        await rawCall(router.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
        router.pods({ stable: [sane] });
        expect((await router.call()).text).toBe('sane');
      }),
      { numRuns: 300 },
    );
    expect(router.app.underWay).toBe(0);
  });
});

describe('what a proxy does not carry', () => {
  it.each([
    ['a WebSocket', 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n'],
    ['a tunnel', 'CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\n\r\n'],
  ])('%s is refused with 501', async (_what, bytes) => {
    const pod = await http1Pod((_req, res) => res.end('reached'));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const socket = net.connect(router.port, '127.0.0.1');
    const answer = await new Promise<string>((resolve) => {
      socket.on('data', (chunk) => resolve(chunk.toString()));
      socket.write(bytes);
    });
    socket.destroy();
    expect(answer).toMatch(/^HTTP\/1\.1 501 /);
    expect(pod.hits()).toBe(0);
  });

  it('an offer of HTTP/2 is ignored and the request served', async () => {
    const pod = await http1Pod((req, res) => res.end(String(req.headers['upgrade'] ?? 'none')));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    expect(await rawCall(router.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 [^]*none$/);
  });
});

describe('limits', () => {
  it('a head that is too large is 431', async () => {
    const router = await startRouter({ targetPort: 1 });
    expect(await rawCall(router.port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('a body that is declared too large is 413 before it is sent', async () => {
    const router = await startRouter({ targetPort: 1 });
    expect(await rawCall(router.port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n')).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('connections beyond the limit are refused and counted, the others served', async () => {
    const pod = await http1Pod((_req, res) => res.end('ok'));
    const router = await startRouter({ targetPort: pod.port, app: { maxConnections: 2 } });
    router.pods({ stable: [pod] });
    const held = [net.connect(router.port, '127.0.0.1'), net.connect(router.port, '127.0.0.1')];
    await until(() => router.metric('slipway_router_open_connections', 'downstream') === 2, 'two connections');
    await expect(call(router.port)).rejects.toThrow();
    expect(router.metric('slipway_router_refused_connections_total')).toBe(1);
    held[0]?.destroy();
    await until(() => router.metric('slipway_router_open_connections', 'downstream') === 1, 'one connection');
    expect((await call(router.port)).text).toBe('ok');
    held[1]?.destroy();
  });

  it('a head that never ends is given up', async () => {
    const router = await startRouter({ targetPort: 1, app: { headTimeoutMs: 200 } });
    const answer = await rawCall(router.port, 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ');
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('a connection that never says anything is closed', async () => {
    const router = await startRouter({ targetPort: 1, app: { headTimeoutMs: 200 } });
    expect(await rawCall(router.port, '')).toBe('');
  });
});
