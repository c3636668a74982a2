// Plain requests mean to Node's parser exactly what they mean to ours, whatever the bytes; what only looks plain is left to Node's.
import http from 'node:http';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPlainHead } from './plain-head.ts';

const MAX = 16 * 1024;
const read = (text: string): ReturnType<typeof readPlainHead> => readPlainHead(Buffer.from(text, 'latin1'), MAX);

interface Heard {
  method: string | undefined;
  target: string | undefined;
  headers: string[];
  body: string;
}

/** What a server of Node's makes of the bytes: each request it hears. It must not answer, so that it reads them all. */
async function heardByNode(bytes: Buffer): Promise<Heard[]> {
  const heard: Heard[] = [];
  const server = http.createServer({ maxHeaderSize: MAX }, (req) => {
    const request: Heard = { method: req.method, target: req.url, headers: req.rawHeaders, body: '' };
    heard.push(request);
    req.on('data', (chunk: Buffer) => (request.body += chunk.toString('latin1')));
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  server.emit('connection', socket);
  socket.push(bytes);
  // Bodies are told in later turns; all of it happens in memory.
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  socket.destroy();
  return heard;
}

describe('a plain request', () => {
  it('is read whole: method, target, fields as they came, sizes', () => {
    const text = 'POST /predict?x=1 HTTP/1.1\r\nHost: a:80\r\nContent-Type:application/json\r\nX-Empty:\r\nX-Padded: \t b c \t\r\nContent-Length: 3\r\n\r\n';
    expect(read(`${text}abc`)).toEqual({
      method: 'POST',
      target: '/predict?x=1',
      headers: ['Host', 'a:80', 'Content-Type', 'application/json', 'X-Empty', '', 'X-Padded', 'b c', 'Content-Length', '3'],
      size: text.length,
      length: 3,
      chunked: false,
    });
  });

  it('may have no body and no field but Host', () => {
    expect(read('GET / HTTP/1.1\r\nHost: a\r\n\r\n')).toMatchObject({ method: 'GET', target: '/', headers: ['Host', 'a'], length: 0 });
  });

  it('may have a chunked body', () => {
    expect(read('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n')).toMatchObject({ length: 0, chunked: true });
  });

  it('may say that it keeps its connection', () => {
    expect(read('GET / HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n')).toMatchObject({ length: 0 });
  });
});

describe('left to the parser that knows all of HTTP', () => {
  const HOST = 'Host: a\r\n';
  it.each([
    ['half a head', `GET / HTTP/1.1\r\n${HOST}`],
    ['a head longer than the limit', `GET / HTTP/1.1\r\n${HOST}X: ${'x'.repeat(MAX)}\r\n\r\n`],
    ['more fields than anybody sends', `GET / HTTP/1.1\r\n${HOST}${'X: y\r\n'.repeat(100)}\r\n`],
    ['an older version', `GET / HTTP/1.0\r\n${HOST}\r\n`],
    ['a newer version', `GET / HTTP/1.2\r\n${HOST}\r\n`],
    ['HEAD', `HEAD / HTTP/1.1\r\n${HOST}\r\n`],
    ['CONNECT', `CONNECT a:1 HTTP/1.1\r\n${HOST}\r\n`],
    ['a method of lower case', `get / HTTP/1.1\r\n${HOST}\r\n`],
    ['an absolute target', `GET http://a/ HTTP/1.1\r\n${HOST}\r\n`],
    ['a target of all the server', `GET * HTTP/1.1\r\n${HOST}\r\n`],
    ['a target with a space', `GET /a b HTTP/1.1\r\n${HOST}\r\n`],
    ['a target beyond ASCII', `GET /\u00e9 HTTP/1.1\r\n${HOST}\r\n`],
    ['two spaces', `GET  / HTTP/1.1\r\n${HOST}\r\n`],
    ['an empty line first', `\r\nGET / HTTP/1.1\r\n${HOST}\r\n`],
    ['no host', 'GET / HTTP/1.1\r\nX: a\r\n\r\n'],
    ['no field at all', 'GET / HTTP/1.1\r\n\r\n'],
    ['two hosts', `GET / HTTP/1.1\r\n${HOST}host: b\r\n\r\n`],
    ['two lengths', `POST / HTTP/1.1\r\n${HOST}Content-Length: 1\r\ncontent-length: 1\r\n\r\na`],
    ['a list of lengths', `POST / HTTP/1.1\r\n${HOST}Content-Length: 1, 1\r\n\r\na`],
    ['an empty length', `POST / HTTP/1.1\r\n${HOST}Content-Length:\r\n\r\n`],
    ['a signed length', `POST / HTTP/1.1\r\n${HOST}Content-Length: +1\r\n\r\na`],
    ['a length in other digits', `POST / HTTP/1.1\r\n${HOST}Content-Length: 0x1\r\n\r\na`],
    ['a length of 16 digits', `POST / HTTP/1.1\r\n${HOST}Content-Length: 1000000000000000\r\n\r\na`],
    ['another transfer encoding', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip\r\n\r\n`],
    ['a list of transfer encodings', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ['chunked twice', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a transfer encoding that is padded', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`],
    ['an empty transfer encoding', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding:\r\n\r\n0\r\n\r\n`],
    ['a length beside a transfer encoding', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n`],
    ['a transfer encoding beside a length', `POST / HTTP/1.1\r\n${HOST}Content-Length: 1\r\nTRANSFER-ENCODING: chunked\r\n\r\n0\r\n\r\n`],
    ['an upgrade', `GET / HTTP/1.1\r\n${HOST}Upgrade: websocket\r\n\r\n`],
    ['an expectation', `POST / HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 1\r\n\r\n`],
    ['trailers announced', `POST / HTTP/1.1\r\n${HOST}Trailer: X\r\n\r\n`],
    ['a connection that closes', `GET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`],
    ['fields declared to be of the connection', `GET / HTTP/1.1\r\n${HOST}Connection: keep-alive, X\r\n\r\n`],
    ['a folded field', `GET / HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`],
    ['a space before the colon', `GET / HTTP/1.1\r\n${HOST}X : a\r\n\r\n`],
    ['a field without a name', `GET / HTTP/1.1\r\n${HOST}: a\r\n\r\n`],
    ['a line without a colon', `GET / HTTP/1.1\r\n${HOST}X\r\n\r\n`],
    ['a bare line feed', `GET / HTTP/1.1\r\n${HOST}X: a\nY: b\r\n\r\n`],
    ['a bare carriage return', `GET / HTTP/1.1\r\n${HOST}X: a\rY: b\r\n\r\n`],
    ['a carriage return before the end', `GET / HTTP/1.1\r\n${HOST}X: a\r\r\n\r\n`],
    ['a null', `GET / HTTP/1.1\r\n${HOST}X: a\u0000\r\n\r\n`],
    ['a control character', `GET / HTTP/1.1\r\n${HOST}X: \u007f\r\n\r\n`],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('%s', (_what, text) => {
    expect(read(text)).toBeUndefined();
  });
});

describe('anything at all', () => {
  const line = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('Host: a\r\n', 'Content-Length: 3\r\n', 'Content-Length: 0\r\n', 'X-A:  b \r\n', 'X-B:\r\n', 'Accept: */*\r\n', 'Connection: keep-alive\r\n', 'Keep-Alive: timeout=5\r\n') },
    { weight: 1, arbitrary: fc.constantFrom('Transfer-Encoding: chunked\r\n', 'Connection: close\r\n', ' folded\r\n', 'X: \u00e9\u00ff\r\n', 'X: a\nY: b\r\n', 'Expect: 100-continue\r\n', 'Upgrade: h2c\r\n', 'host: b\r\n', 'TE: trailers\r\n') },
    { weight: 1, arbitrary: fc.tuple(fc.string({ maxLength: 8, unit: 'binary-ascii' }), fc.string({ maxLength: 12, unit: 'binary-ascii' })).map(([name, value]) => `${name}: ${value}\r\n`) },
  );
  const start = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('GET / HTTP/1.1\r\n', 'POST /predict?a=%20#x HTTP/1.1\r\n', 'DELETE /a//b/../c HTTP/1.1\r\n', 'PUT /[|]{}\\^`"<> HTTP/1.1\r\n') },
    { weight: 1, arbitrary: fc.string({ maxLength: 12, unit: 'binary-ascii' }).map((target) => `POST /${target} HTTP/1.1\r\n`) },
  );
  const message = fc.tuple(start, fc.array(line, { maxLength: 7 }), fc.constantFrom('abc', '', 'abcGET / HTTP/1.1\r\nHost: b\r\n\r\n')).map(([first, lines, rest]) => `${first}${lines.join('')}\r\n${rest}`);

  it('that is plain is the same request to Node: its first, with this body, and what follows begins where we say', { timeout: 120_000 }, async () => {
    let plain = 0;
    await fc.assert(
      fc.asyncProperty(message, async (text) => {
        const bytes = Buffer.from(text, 'latin1');
        const head = readPlainHead(bytes, MAX);
        // What is chunked is held to the same in chunked-body.test.ts.
        if (head === undefined || head.chunked) return;
        plain++;
        const whole = bytes.subarray(0, head.size + head.length);
        const [request, ...more] = await heardByNode(whole);
        expect(request).toEqual({ method: head.method, target: head.target, headers: head.headers, body: bytes.toString('latin1', head.size, head.size + head.length) });
        expect(more).toEqual([]);
      }),
      { numRuns: 3000 },
    );
    expect(plain).toBeGreaterThan(100);
  });
});
