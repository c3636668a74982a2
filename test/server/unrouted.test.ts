// What reaches no route, or is no HTTP: refused in the words of the protocol whose path it is, never in those of a framework of ours.
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { doubling } from './support/saved-model.ts';
import { serve, temporaryFolder, type TestServer } from './support/server.ts';

const folder = temporaryFolder();
let server: TestServer;
let kserve: TestServer;

beforeAll(async () => {
  doubling(path.join(folder.path, 'value', '1'), 'float32', [-1]);
  const settings = { MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1' };
  [server, kserve] = await Promise.all([serve(settings), serve({ ...settings, V1_DIALECT: 'kserve' })]);
}, 240_000);
afterAll(async () => {
  await Promise.all([server.close(), kserve.close()]);
  folder[Symbol.dispose]();
});

/** Status, type as it is said, and body; the bytes on the connection are these, for clients tidy a path up before they send it. */
async function send(to: TestServer, lines: string, body = '', length = Buffer.byteLength(body)): Promise<{ status: number; type: string; body: string; head: string }> {
  const socket = net.connect(to.port, '127.0.0.1');
  socket.write(`${lines}\r\nhost: x\r\nconnection: close\r\ncontent-length: ${String(length)}\r\n\r\n${body}`);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const [head = '', ...rest] = Buffer.concat(chunks).toString().split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), type: /content-type: ([^\r]*)/i.exec(head)?.[1] ?? '', body: rest.join('\r\n\r\n'), head };
}

const BARE = 'application/json';
const tf = (error: string): string => `{\n    "error": ${JSON.stringify(error)}\n}`;
const torch = (code: number, type: string, message: string): string => `${JSON.stringify({ code, type, message }, null, 2)}\n`;

/** A request line, status and body. */
type Row = [string, number, string];

describe.each<[string, string, () => TestServer, Row[]]>([
  ["TensorFlow Serving's", BARE, () => server, [
    ['GET /v1', 400, tf('Malformed request: GET /v1')],
    ['GET /v1/', 400, tf('Malformed request: GET /v1/')],
    ['POST /v1/junk?a=b', 400, tf('Malformed request: POST /v1/junk')],
    ['GET /v1/models/value/', 400, tf('Malformed request: GET /v1/models/value/')],
    ['HEAD /v1/models/value', 400, ''],
    ['OPTIONS /v1/models/value:predict', 400, tf('Origin header is missing in CORS preflight')],
    ['OPTIONS /v1/models/value:predict HTTP/1.1\r\norigin: https://a.example', 200, ''],
    ['POST /v1/models/%zz:predict', 400, tf('The path /v1/models/%zz:predict is not a valid URL.')],
  ]],
  ["KServe's", BARE, () => kserve, [
    ['GET /v1/junk', 404, '{"detail":"Not Found"}'],
    ['PUT /v1/models/value:predict', 405, '{"detail":"Method Not Allowed"}'],
    ['GET /v1/models/%zz', 400, '{"error":"The path /v1/models/%zz is not a valid URL."}'],
  ]],
  ["V2's", BARE, () => server, [
    ['GET /v2/junk', 404, '{"error":"Not Found"}'],
    ['GET /v2/models/value/', 404, '{"error":"Not Found"}'],
    ['PUT /v2/models/value/infer', 405, '{"error":"Method Not Allowed"}'],
    ['POST /v2/models/%zz/infer', 400, '{"error":"The path /v2/models/%zz/infer is not a valid URL."}'],
    [`POST /v2/models/${'n'.repeat(1025)}/infer`, 400, '{"error":"A segment of the path has more than 1024 characters."}'],
  ]],
  ["TorchServe's", BARE, () => server, [
    ['GET /predictions', 404, torch(404, 'ResourceNotFoundException', 'There is no GET /predictions.')],
    ['GET /predictions/value', 405, torch(405, 'MethodNotAllowedException', '/predictions/value takes POST, PUT, not GET.')],
    ['POST /predictions/%zz', 400, torch(400, 'BadRequestException', 'The path /predictions/%zz is not a valid URL.')],
  ]],
])('%s paths', (_, type, to, rows) => {
  it.each(rows)('%s: %i', async (lines, status, body) => {
    const got = await send(to(), lines.includes('HTTP/1.1') ? lines : `${lines} HTTP/1.1`);
    expect({ status: got.status, type: got.type, body: got.body }).toEqual({ status, type, body });
    expect(got.head).toMatch(/x-request-id: [\w-]{36}/i);
  });
});

describe('everybody else', () => {
  const PROBLEM = 'application/problem+json; charset=utf-8';

  it.each([
    ['GET /%zz HTTP/1.1', 400, 'malformed_request'],
    ['GET /nope HTTP/1.1', 404, 'not_found'],
    ['GET /v2/predict HTTP/1.1', 405, 'method_not_allowed'],
    ['DELETE /score HTTP/1.1', 405, 'method_not_allowed'],
    ['NOPE / HTTP/1.1', 400, 'malformed_request'],
    ['GET / HTTP/1.1\r\nbad header : 1', 400, 'malformed_request'],
    [`GET / HTTP/1.1\r\nx: ${'a'.repeat(20_000)}`, 431, 'malformed_request'],
  ])('%.40s', async (lines, status, code) => {
    const { body, ...got } = await send(server, lines);
    const problem = JSON.parse(body) as { status: number; code: string; requestId: string };
    expect({ ...got, problem }).toMatchObject({ status, type: PROBLEM, problem: { status, code } });
    expect(got.head).toContain(`x-request-id: ${problem.requestId}`);
  });

  it('a name of a hundred characters and more is a name', async () => {
    const { status, body } = await send(server, `GET /v2/models/${'n'.repeat(400)} HTTP/1.1`);
    expect([status, body]).toEqual([404, expect.stringContaining('Request for unknown model')]);
  });

  it('an empty Content-Type or Content-Encoding is none', async () => {
    const body = '{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[2]}]}';
    for (const field of ['content-type:', 'content-encoding:']) {
      expect(await send(server, `POST /v2/models/value/infer HTTP/1.1\r\n${field}`, body)).toMatchObject({ status: 200, body: expect.stringContaining('"data":[4.0]') as string });
    }
  });

  it('a body that is over the limit is refused by that, however large it says it is', async () => {
    const { status, body } = await send(server, 'POST /predict HTTP/1.1', '', 99_999_999_999);
    expect([status, body]).toEqual([413, expect.stringContaining('over the limit of 67108864 bytes')]);
  });
});
