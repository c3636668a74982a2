// The strict reading of pods' answers, piece by piece in every way they can be cut.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkedDecoder } from './chunked.ts';
import { BadAnswer, readHead } from './response-head.ts';

describe('the head of an answer', () => {
  it.each([
    ['HTTP/1.1 200 OK\r\nContent-Length: 5', 'GET', { kind: 'length', bytes: 5 }, true],
    ['HTTP/1.1 200 \r\ncontent-length: 0', 'GET', { kind: 'none' }, true],
    ['HTTP/1.1 200\r\ncontent-length: 1', 'GET', { kind: 'length', bytes: 1 }, true],
    ['HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked', 'GET', { kind: 'chunked' }, true],
    ['HTTP/1.1 200 OK\r\nX: y', 'GET', { kind: 'close' }, false],
    ['HTTP/1.1 200 OK\r\ncontent-length: 5', 'HEAD', { kind: 'none' }, true],
    ['HTTP/1.1 204 No Content', 'GET', { kind: 'none' }, true],
    ['HTTP/1.1 304 Not Modified\r\ncontent-length: 5', 'GET', { kind: 'none' }, true],
    ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\nConnection: Close', 'GET', { kind: 'length', bytes: 5 }, false],
    ['HTTP/1.0 200 OK\r\ncontent-length: 5', 'GET', { kind: 'length', bytes: 5 }, false],
    ['HTTP/1.0 200 OK\r\ncontent-length: 5\r\nconnection: keep-alive', 'GET', { kind: 'length', bytes: 5 }, true],
  ])('%j to %s', (text, method, framing, keepAlive) => {
    expect(readHead(text, method)).toMatchObject({ framing, keepAlive });
  });

  it.each([
    'HTTP/2 200 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 999 Odd',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6',
    'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5',
    'HTTP/1.1 200 OK\r\ncontent-length: 5, 5',
    'HTTP/1.1 200 OK\r\ncontent-length: -5',
    'HTTP/1.1 200 OK\r\ncontent-length: 5 5',
    'HTTP/1.1 200 OK\r\ncontent-length: ',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked',
    'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked',
    'HTTP/1.1 200 OK\r\nX : y',
    'HTTP/1.1 200 OK\r\n: y',
    'HTTP/1.1 200 OK\r\nX\r\n',
    'HTTP/1.1 200 OK\r\nX: a\r\n b',
    'HTTP/1.1 200 OK\r\nX: a\nY: b',
    'HTTP/1.1 200 OK\r\nX: a\rb',
    'HTTP/1.1 200 OK\r\nX: \u0000',
  ])('%j is refused', (text) => {
    expect(() => readHead(text, 'GET')).toThrow(BadAnswer);
  });

  it('reads how long the pod keeps the connection', () => {
    expect(readHead('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=3\r\ncontent-length: 1', 'GET').keepAliveMs).toBe(5000);
    expect(readHead('HTTP/1.1 200 OK\r\ncontent-length: 1', 'GET').keepAliveMs).toBeUndefined();
  });

  it('throws nothing but BadAnswer, whatever it reads', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (text) => {
        for (const candidate of [text, `HTTP/1.1 200 OK\r\n${text}`]) {
          try {
            readHead(candidate, 'GET');
          } catch (error) {
            if (!(error instanceof BadAnswer)) return false;
          }
        }
        return true;
      }),
    );
  });
});

interface Decoded {
  body: string;
  trailers: string[];
  rest: string;
}

function decode(pieces: Buffer[]): Decoded | undefined {
  let done: Decoded | undefined;
  let body = '';
  const decoder = new ChunkedDecoder({
    data: (chunk) => (body += chunk.toString('latin1')),
    end: (trailers, rest) => (done = { body, trailers, rest: rest.toString('latin1') }),
  });
  for (const piece of pieces) if (done === undefined) decoder.push(piece);
  return done;
}

describe('a chunked body', () => {
  it('is the same however it is cut', () => {
    const chunks = fc.array(fc.string({ minLength: 1, unit: 'binary-ascii' }), { maxLength: 6 });
    fc.assert(
      fc.property(chunks, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (parts, cuts) => {
        const text = `${parts.map((p) => `${p.length.toString(16)};ext=1\r\n${p}\r\n`).join('')}0\r\nX-A: b\r\n\r\n`;
        const pieces: Buffer[] = [];
        for (let at = 0, i = 0; at < text.length; i++) {
          const size = cuts[i % cuts.length] as number;
          pieces.push(Buffer.from(text.slice(at, at + size), 'latin1'));
          at += size;
        }
        const got = decode(pieces);
        return got?.body === parts.join('') && got.trailers.join() === 'X-A,b' && got.rest === '';
      }),
    );
  });

  it('tells what follows it', () => {
    expect(decode([Buffer.from('1\r\na\r\n0\r\n\r\nnext')])).toEqual({ body: 'a', trailers: [], rest: 'next' });
  });

  it.each(['x\r\n', '-1\r\n', '0x1\r\na\r\n', '1 1\r\na\r\n', '\r\n', '1\r\nab\r\n0\r\n\r\n', '0\r\nbad trailer\r\n\r\n', `${'1'.repeat(20)}\r\n`, `1;${'x'.repeat(9000)}`])('%j is refused', (text) => {
    expect(() => decode([Buffer.from(text)])).toThrow(BadAnswer);
  });

  it('without its end has not ended', () => {
    expect(decode([Buffer.from('1\r\na\r\n0\r\n')])).toBeUndefined();
  });
});
