// A chunked body is read strictly, in whatever pieces it comes; what is taken means the same to Node's parser.
import http from 'node:http';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkedBody } from './chunked-body.ts';
import type { ChunkedState } from './chunked-body.ts';

interface Heard {
  state: ChunkedState;
  body: string;
  trailers: string[];
  /** Bytes that were taken. */
  taken: number;
}

function read(text: string, cuts: readonly number[] = []): Heard {
  const bytes = Buffer.from(text, 'latin1');
  let body = '';
  const chunks = new ChunkedBody((chunk) => (body += chunk.toString('latin1')));
  let taken = 0;
  for (let i = 0; i <= cuts.length && chunks.state === 'open'; i++) taken += chunks.push(bytes.subarray(i === 0 ? 0 : cuts[i - 1], cuts[i] ?? bytes.length));
  return { state: chunks.state, body, trailers: chunks.trailers, taken };
}

/** The same whether it comes whole, cut in two anywhere, or byte by byte. */
function readInAllPieces(text: string): Heard {
  const whole = read(text);
  for (let cut = 1; cut < text.length; cut++) expect(read(text, [cut]), `cut at ${cut}`).toMatchObject({ state: whole.state, ...(whole.state === 'bad' ? {} : whole) });
  expect(read(text, Array.from({ length: text.length - 1 }, (_, i) => i + 1)).state).toBe(whole.state);
  return whole;
}

describe('a chunked body', () => {
  it.each([
    ['one chunk', '3\r\nabc\r\n0\r\n\r\n', 'abc'],
    ['none', '0\r\n\r\n', ''],
    ['several', '1\r\na\r\n2\r\nbc\r\n0\r\n\r\n', 'abc'],
    ['sizes in both cases', 'A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n', '01234567890123456789'],
    ['leading zeros', '0000000000003\r\nabc\r\n000\r\n\r\n', 'abc'],
    ['line ends in its data', '6\r\n\r\n0\r\n\r\r\n0\r\n\r\n', '\r\n0\r\n\r'],
    ['extensions', '3;a;b=c;d="e f;g"\r\nabc\r\n0;x\r\n\r\n', 'abc'],
  ])('with %s', (_what, text, body) => {
    expect(readInAllPieces(text)).toEqual({ state: 'done', body, trailers: [], taken: text.length });
  });

  it('ends where it says, whatever follows', () => {
    const text = '3\r\nabc\r\n0\r\n\r\n';
    expect(read(`${text}GET / HTTP/1.1\r\n`)).toMatchObject({ state: 'done', taken: text.length });
  });

  it('may have trailers', () => {
    expect(readInAllPieces('0\r\nX-Sum: 6 \r\nY:\r\n\r\n')).toMatchObject({ state: 'done', trailers: ['X-Sum', '6', 'Y', ''] });
  });
});

describe('no chunked body', () => {
  it.each([
    ['an empty size', '\r\nabc\r\n0\r\n\r\n'],
    ['a hexadecimal prefix', '0x3\r\nabc\r\n0\r\n\r\n'],
    ['a sign', '+3\r\nabc\r\n0\r\n\r\n'],
    ['a negative size', '-3\r\nabc\r\n0\r\n\r\n'],
    ['a space before the size', ' 3\r\nabc\r\n0\r\n\r\n'],
    ['a space after it', '3 \r\nabc\r\n0\r\n\r\n'],
    ['a tab after it', '3\t\r\nabc\r\n0\r\n\r\n'],
    ['an underscore', '1_0\r\n0123456789abcdef\r\n0\r\n\r\n'],
    ['a letter beyond f', 'g\r\nabc\r\n0\r\n\r\n'],
    ['fourteen digits', '00000000000003\r\nabc\r\n0\r\n\r\n'],
    ['a size beyond numbers', 'ffffffffffffffff\r\nabc\r\n0\r\n\r\n'],
    ['a size that wraps around in 64 bits', '10000000000000003\r\nabc\r\n0\r\n\r\n'],
    ['a bare line feed after the size', '3\nabc\r\n0\r\n\r\n'],
    ['a bare carriage return after the size', '3\rabc\r\n0\r\n\r\n'],
    ['two carriage returns', '3\r\r\nabc\r\n0\r\n\r\n'],
    ['a bare line feed after the data', '3\r\nabc\n0\r\n\r\n'],
    ['a bare carriage return after the data', '3\r\nabc\r0\r\n\r\n'],
    ['more data than the size', '2\r\nabc\r\n0\r\n\r\n'],
    ['less data than the size', '5\r\nabc\r\n0\r\n\r\n0\r\n\r\n'],
    ['an extension without a name', '3;\r\nabc\r\n0\r\n\r\n'],
    ['a space before an extension', '3 ;a\r\nabc\r\n0\r\n\r\n'],
    ['a space in an extension', '3;a b\r\nabc\r\n0\r\n\r\n'],
    ['an extension that does not end', '3;a="b\r\nabc\r\n0\r\n\r\n'],
    ['a line feed in an extension', '3;a\nb\r\nabc\r\n0\r\n\r\n'],
    ['a carriage return in an extension', '3;a\rb\r\nabc\r\n0\r\n\r\n'],
    ['a null in an extension', '3;a=\u0000\r\nabc\r\n0\r\n\r\n'],
    ['a bare line feed at its end', '0\r\n\n'],
    ['a line feed in place of the last line end', '0\n\r\n'],
    ['a trailer that is no field', '0\r\nX\r\n\r\n'],
    ['a folded trailer', '0\r\nX: a\r\n b\r\n\r\n'],
    ['a trailer with a bare line feed', '0\r\nX: a\nY: b\r\n\r\n'],
    ['a trailer that frames the message', '0\r\nContent-Length: 3\r\n\r\n'],
    ['a trailer that encodes it', '0\r\ntransfer-encoding: chunked\r\n\r\n'],
    ['a trailer that routes it', '0\r\nHost: b\r\n\r\n'],
    ['a line that does not end', `3;${'a'.repeat(5000)}`],
    ['more extensions than anybody sends', `1;${'a'.repeat(4000)}\r\na\r\n`.repeat(5)],
    ['more trailers than anybody sends', `0\r\n${`X: ${'a'.repeat(4000)}\r\n`.repeat(5)}\r\n`],
  ])('%s', (_what, text) => {
    // Long ones are cut in few places: every place is for the short ones.
    expect((text.length > 1000 ? read(text, [1, 500, 4500].filter((cut) => cut < text.length)) : readInAllPieces(text)).state).toBe('bad');
    expect(read(text).state).toBe('bad');
  });
});

/** What a server of Node's makes of a request with this body; undefined: it refuses it, or waits for more. */
async function heardByNode(body: Buffer): Promise<{ body: string; trailers: string[]; requests: number } | undefined> {
  let [text, requests, complete] = ['', 0, false];
  let trailers: string[] = [];
  const server = http.createServer((req) => {
    requests++;
    req.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    req.on('end', () => {
      complete = true;
      trailers = req.rawTrailers;
    });
    req.on('error', () => undefined);
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  socket.on('error', () => undefined);
  server.emit('connection', socket);
  socket.push(Buffer.concat([Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'), body]));
  for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve));
  socket.destroy();
  return complete ? { body: text, trailers, requests } : undefined;
}

it('whatever is taken is the same body with the same trailers to Node, and nothing more', { timeout: 120_000 }, async () => {
  const chunk = fc.string({ minLength: 1, maxLength: 20, unit: 'binary-ascii' }).map((text) => `${text.length.toString(16)}\r\n${text}\r\n`);
  const ascii = fc.string({ maxLength: 6, unit: 'binary-ascii' });
  const odd = fc.oneof(
    fc.constantFrom('3;a=b\r\nabc\r\n', '03\r\nabc\r\n', '3;a="b;c"\r\nabc\r\n', '3 \r\nabc\r\n', '3\nabc\r\n', '0\r\n', '\r\n', '3\r\nabcd\r\n', '3;;a\r\nabc\r\n', '3;a=\r\nabc\r\n'),
    ascii.map((extension) => `3;${extension}\r\nabc\r\n`),
    ascii.map((extension) => `3;a="${extension}"\r\nabc\r\n`),
    ascii.map((extension) => `3;a=${extension}\r\nabc\r\n`),
    ascii,
  );
  const end = fc.oneof({ weight: 4, arbitrary: fc.constantFrom('0\r\n\r\n', '00\r\n\r\n', '0\r\nX: y\r\n\r\n', '0;a\r\nX: \u00e9\r\nZ:\r\n\r\n') }, { weight: 1, arbitrary: fc.tuple(ascii, ascii).map(([name, value]) => `0\r\n${name}: ${value}\r\n\r\n`) });
  const body = fc.tuple(fc.array(fc.oneof({ weight: 3, arbitrary: chunk }, { weight: 1, arbitrary: odd }), { maxLength: 5 }), end).map(([parts, last]) => parts.join('') + last);
  let done = 0;
  await fc.assert(
    fc.asyncProperty(body, async (text) => {
      const ours = read(text);
      if (ours.state !== 'done') return;
      done++;
      expect(await heardByNode(Buffer.from(text.slice(0, ours.taken), 'latin1'))).toEqual({ body: ours.body, trailers: ours.trailers, requests: 1 });
    }),
    { numRuns: 3000 },
  );
  expect(done).toBeGreaterThan(500);
});
