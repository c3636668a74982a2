// Plain requests are answered past node:http (docs/adr/0013): in every respect as the application answers them. Each request is sent twice, the
// second time so that Node's parser has to read it, and the two answers are put side by side.
import net from 'node:net';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../server/src/config.ts';
import { Drain } from '../../server/src/http/drain.ts';
import { buildPlain } from '../../server/src/plain.ts';
import { MODELS, serve, type TestServer } from './support/server.ts';

const MODEL_PATH = path.join(MODELS, 'classifier-onnx', 'v1');
const AT = '/v2/models/classifier-onnx/infer';

interface Raw {
  status: string;
  /** Without what tells the two ways apart: the date and how the connection goes on. */
  fields: string[];
  kept: boolean;
  body: Buffer;
}

interface Asked {
  at?: string;
  headers?: Record<string, string>;
  body: string | Buffer;
}

function send(port: number, { at = AT, headers = {}, body }: Asked): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const bytes = Buffer.from(body);
    const lines = Object.entries({ host: 'a', 'x-request-id': 'mine', ...headers, 'content-length': String(bytes.length) }).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = net.connect(port, '127.0.0.1');
    let seen = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      seen = Buffer.concat([seen, chunk]);
      const end = seen.indexOf('\r\n\r\n');
      const head = seen.subarray(0, Math.max(0, end)).toString('latin1');
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? Number.POSITIVE_INFINITY);
      if (end < 0 || seen.length < end + 4 + length) return;
      socket.destroy();
      const [status = '', ...fields] = head.split('\r\n');
      const own = fields.map((field) => field.replace(/^[^:]+/, (name) => name.toLowerCase()));
      resolve({ status, fields: own.filter((field) => !/^(date|connection|keep-alive):/.test(field)).sort(), kept: own.includes('connection: keep-alive'), body: seen.subarray(end + 4) });
    });
    socket.on('error', reject);
    socket.write(Buffer.concat([Buffer.from(`POST ${at} HTTP/1.1\r\n${lines.join('')}\r\n`), bytes]));
  });
}

/** The answers of the short way and of Node's; they are the same. */
async function bothWays(server: TestServer, asked: Asked): Promise<Raw> {
  const plain = await send(server.port, asked);
  const node = await send(server.port, { ...asked, headers: { ...asked.headers, connection: 'close' } });
  expect([plain.kept, node.kept]).toEqual([true, false]);
  expect({ ...plain, kept: 0 }).toEqual({ ...node, kept: 0 });
  return plain;
}

const row = [1, 2, 3, 4, 5];
const body = (rows: number, more: object = {}): string => JSON.stringify({ inputs: [{ name: 'readings', shape: [rows, 5], datatype: 'FP32', data: Array.from({ length: rows }, () => row).flat() }], ...more });
const predict = (inputs: number[][]): string => JSON.stringify({ modelName: 'classifier-onnx', inputs });
const OCTETS = { 'content-type': 'application/octet-stream' };

/** Without the times that the first version of the API tells, and what their digits do to the length. */
function timeless(answer: Raw): Raw {
  const told = answer.body.toString('latin1').replaceAll(/("[a-z]+TimeMs":)[\d.e-]+/g, '$10');
  const fields = told.includes('TimeMs') ? answer.fields.filter((field) => !field.startsWith('content-length')) : answer.fields;
  return { ...answer, fields, body: Buffer.from(told, 'latin1') };
}

const instances = (rows: number): string => JSON.stringify({ instances: Array.from({ length: rows }, () => row) });
const SERVING = '/v1/models/classifier-onnx';

const JSON_TYPE = { 'content-type': 'application/json' };

describe('a plain request', () => {
  it('is answered as any other: ids, revision, version, type', async () => {
    await using server = await serve({ MODEL_PATH, REVISION: 'pump-1a2b3' });
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const answer = await bothWays(server, { headers: { ...JSON_TYPE, traceparent }, body: body(1, { id: 'né' }) });
    expect(answer.status).toBe('HTTP/1.1 200 OK');
    expect(answer.fields).toEqual([`content-length: ${String(answer.body.length)}`, 'content-type: application/json', 'slipway-model-version: v1', 'slipway-revision: pump-1a2b3', `traceparent: ${traceparent}`, 'x-request-id: mine']);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ id: 'né', model_name: 'classifier-onnx', outputs: [{ shape: [1, 3] }] });
    const made = await send(server.port, { headers: { 'x-request-id': '' }, body: body(1) });
    expect(made.fields.join('\n')).toMatch(/x-request-id: [0-9a-f-]{36}$/m);
  });

  it.each<[string, Asked, number]>([
    ['a version in its path', { at: '/v2/models/classifier-onnx/versions/v1/infer', body: body(2) }, 200],
    ['a version in a header', { headers: { 'slipway-model-version': 'v1' }, body: body(2) }, 200],
    ['a version there is not', { at: '/v2/models/classifier-onnx/versions/v9/infer', body: body(2) }, 404],
    ['a version there is not, in a header', { headers: { 'slipway-model-version': 'v9' }, body: body(2) }, 404],
    ['a model there is not', { at: '/v2/models/nobody/infer', body: body(1) }, 404],
    ['no body', { body: '' }, 400],
    ['half of some JSON', { body: '{"inputs":[' }, 400],
    ['no input', { body: '{"inputs":[]}' }, 400],
    ['a wrong shape', { body: body(1).replace('[1,5]', '[1,4]') }, 400],
    ['another shape', { body: JSON.stringify({ inputs: [{ name: 'readings', shape: [5], datatype: 'FP32', data: row }] }) }, 400],
    ['another name', { body: body(1).replace('readings', 'reading') }, 400],
    ['another type of numbers', { body: body(1).replace('FP32', 'FP64') }, 400],
    ['an output there is not', { body: body(1, { outputs: [{ name: 'nothing' }] }) }, 400],
    ['outputs as bytes', { body: body(2, { parameters: { binary_data_output: true } }) }, 200],
    ['a length of JSON that is no number', { headers: { 'inference-header-content-length': 'x' }, body: body(1) }, 400],
    ['raw tensors', { headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': '0' }, body: Buffer.from(Float32Array.from(row).buffer) }, 200],
    ['more rows than one batch', { body: body(70) }, 200],
    ['curl\'s own type', { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: body(1) }, 200],
  ])('with %s is answered as any other', async (_what, asked, status) => {
    await using server = await serve({ MODEL_PATH });
    const plain = await send(server.port, asked);
    const node = await send(server.port, { ...asked, headers: { ...asked.headers, connection: 'close' } });
    expect({ ...plain, kept: 0 }).toEqual({ ...node, kept: 0 });
    expect(plain.status).toContain(` ${String(status)} `);
  });

  it.each<[string, Asked, number]>([
    ['rows', { at: '/predict', body: predict([row, row]) }, 200],
    ['the second version of the API in its path', { at: '/v2/predict', body: predict([row]) }, 200],
    ['the first one, and no model named', { at: '/v1/predict', body: JSON.stringify({ inputs: [row] }) }, 200],
    ['a version of the API in a header', { at: '/predict', headers: { 'accept-version': 'v2' }, body: predict([row]) }, 200],
    ['a version of the API that there is not', { at: '/predict', headers: { 'accept-version': 'v3' }, body: predict([row]) }, 400],
    ['the cookie of an earlier call', { at: '/predict', headers: { cookie: 'slipway-api-version=2' }, body: predict([row]) }, 200],
    ['a version of the model in a header', { at: '/predict', headers: { 'slipway-model-version': 'v9' }, body: predict([row]) }, 404],
    ['several items', { at: '/batch-predict', body: JSON.stringify({ modelName: 'classifier-onnx', batch: [{ inputs: [row] }, { inputs: [row, row] }] }) }, 200],
    ['several items, the second of them wrong', { at: '/v2/batch-predict', body: JSON.stringify({ batch: [{ inputs: [row] }, { inputs: [[1]] }] }) }, 400],
    ['preprocessing of its own', { at: '/v2/predict', body: JSON.stringify({ inputs: [row], preprocessing: { normalize: true, scale: 2 } }) }, 200],
    ['raw numbers', { at: '/v2/predict', headers: OCTETS, body: Buffer.from(Float32Array.from(row).buffer) }, 200],
    ['raw numbers that are no row', { at: '/predict', headers: OCTETS, body: Buffer.from('abc') }, 400],
    ['raw numbers for several items', { at: '/batch-predict', headers: OCTETS, body: Buffer.from(Float32Array.from(row).buffer) }, 415],
    ['no raw numbers', { at: '/predict', headers: OCTETS, body: '' }, 400],
    ['raw numbers wanted', { at: '/predict', headers: { accept: 'application/octet-stream' }, body: predict([row]) }, 200],
    ['a text for a model of numbers', { at: '/predict', body: JSON.stringify({ text: 'well' }) }, 400],
    ['a model there is not', { at: '/predict', body: JSON.stringify({ modelName: 'nobody', inputs: [row] }) }, 404],
    ['a row too short', { at: '/predict', body: predict([[1]]) }, 400],
    ['a value that is no number', { at: '/predict', body: '{"inputs":[[1,2,3,4,NaN]]}' }, 400],
    ['half of some JSON', { at: '/predict', body: '{"inputs":[' }, 400],
    ['no body', { at: '/predict', body: '' }, 400],
    ['a query', { at: '/predict?version=v2&modelName=classifier-onnx', body: JSON.stringify({ inputs: [row] }) }, 200],
    ['a query that names two models', { at: '/predict?modelName=a&modelName=b', body: JSON.stringify({ inputs: [row] }) }, 400],
  ])('of the native API with %s is answered as any other', async (_what, asked, status) => {
    await using server = await serve({ MODEL_PATH, REVISION: 'pump-1a2b3' });
    const plain = timeless(await send(server.port, asked));
    const node = timeless(await send(server.port, { ...asked, headers: { ...asked.headers, connection: 'close' } }));
    expect({ ...plain, kept: 0 }).toEqual({ ...node, kept: 0 });
    expect(plain.status).toContain(` ${String(status)} `);
    const { text } = await server.parts.metrics.prometheus();
    expect(text).toMatch(new RegExp(`slipway_server_requests_total\\{.*protocol="native",code="${String(status)}"\\} 2`));
  });

  it.each<[string, Asked, number]>([
    ['rows', { at: `${SERVING}:predict`, body: instances(2) }, 200],
    ['rows in an object', { at: `${SERVING}:predict`, headers: JSON_TYPE, body: JSON.stringify({ signature_name: 'serving_default', instances: [{ readings: row }] }) }, 200],
    ['columns', { at: `${SERVING}:predict`, body: JSON.stringify({ inputs: { readings: [row] } }) }, 200],
    ['a version', { at: `${SERVING}/versions/1:predict`, body: instances(1) }, 200],
    ['a version there is not', { at: `${SERVING}/versions/9:predict`, body: instances(1) }, 404],
    ['a version that is no number of 64 bits', { at: `${SERVING}/versions/9999999999999999999:predict`, body: instances(1) }, 400],
    ['a label', { at: `${SERVING}/labels/stable:predict`, body: instances(1) }, 200],
    ['a label there is not', { at: `${SERVING}/labels/nothing:predict`, body: instances(1) }, 400],
    ['a model there is not', { at: '/v1/models/nobody:predict', body: instances(1) }, 404],
    ['examples to classify', { at: `${SERVING}:classify`, body: JSON.stringify({ examples: [{ readings: row }] }) }, 200],
    ['examples to regress where there is no one value', { at: `${SERVING}:regress`, body: JSON.stringify({ examples: [{ readings: row }] }) }, 400],
    ['another method', { at: `${SERVING}:explain`, body: instances(1) }, 400],
    ['a path in other letters', { at: `${SERVING.replace('/v1/models', '/V1/Models')}:predict`, body: instances(1) }, 200],
    ['a method in other letters', { at: `${SERVING}:Predict`, body: instances(1) }, 400],
    ['a name that is encoded', { at: '/v1/models/classifier%2Donnx:predict', body: instances(1) }, 200],
    ['a query', { at: `${SERVING}:predict?a=b`, body: instances(1) }, 200],
    ['an answer that is large', { at: `${SERVING}:predict`, headers: { 'accept-encoding': 'gzip' }, body: instances(100) }, 200],
    ['another type', { at: `${SERVING}:predict`, headers: { 'content-type': 'text/plain' }, body: instances(1) }, 200],
    ['another signature', { at: `${SERVING}:predict`, body: JSON.stringify({ signature_name: 'other', instances: [row] }) }, 400],
    ['a row too short', { at: `${SERVING}:predict`, body: JSON.stringify({ instances: [[1]] }) }, 400],
    ['a value that is no number', { at: `${SERVING}:predict`, body: '{"instances":[[1,2,3,4,NaN]]}' }, 400],
    ['neither rows nor columns', { at: `${SERVING}:predict`, body: '{}' }, 400],
    ['half of some JSON', { at: `${SERVING}:predict`, body: '{"instances":[' }, 400],
    ['no body', { at: `${SERVING}:predict`, body: '' }, 400],
  ])('of TensorFlow Serving with %s is answered as any other', async (_what, asked, status) => {
    await using server = await serve({ MODEL_PATH, REVISION: 'pump-1a2b3' });
    const answer = await bothWays(server, asked);
    expect(answer.status).toContain(` ${String(status)} `);
    expect(answer.fields).toContain('content-type: application/json');
  });

  it.each([['tfserving', true], ['kserve', false]])('of TensorFlow Serving is taken where V1_DIALECT is %s: %s', async (V1_DIALECT, taken) => {
    await using server = await serve({ MODEL_PATH, V1_DIALECT });
    const plain = buildPlain({ config: readConfig({ V1_DIALECT }), parts: server.parts, drain: new Drain(), state: server.state, ready: () => true })(() => undefined);
    const takes = (target: string): boolean => plain.options.take({ method: 'POST', target, headers: ['Host', 'a', 'Content-Length', '1'], size: 0, length: 1, chunked: false }) !== undefined;
    plain.destroy();
    expect([`${SERVING}:predict`, `${SERVING}/versions/1:predict`, `${SERVING}/labels/stable:classify`, '/v1/models/nobody:regress'].map(takes)).toEqual(Array.from({ length: 4 }, () => taken));
    expect([`${SERVING}:Predict`, `${SERVING}:explain`, SERVING, `${SERVING}/versions/9999999999999999999:predict`, '/v1/models/a%20b:predict', `${SERVING}:predict?a=b`].map(takes)).toEqual(Array.from({ length: 6 }, () => false));
    const answer = await bothWays(server, { at: `${SERVING}:predict`, body: instances(1) });
    expect(answer.body.toString()).toMatch(taken ? /^\{\n {4}"predictions": \[\[/ : /^\{"predictions":\[\[/);
  });

  it('of TensorFlow Serving is counted as any other, under both names', async () => {
    await using server = await serve({ MODEL_PATH });
    await bothWays(server, { at: `${SERVING}:predict`, body: instances(2) });
    await bothWays(server, { at: `${SERVING}:predict`, body: '{' });
    await bothWays(server, { at: '/v1/models/nobody:predict', body: instances(1) });
    const { text } = await server.parts.metrics.prometheus();
    expect(text).toContain('slipway_server_requests_total{model="classifier-onnx",version="v1",protocol="tfserving",code="200"} 2');
    expect(text).toContain('slipway_server_requests_total{model="classifier-onnx",version="v1",protocol="tfserving",code="400"} 2');
    expect(text).toContain('slipway_server_requests_total{model="",version="",protocol="tfserving",code="404"} 2');
    expect(text).toContain('slipway_server_requests_in_flight 0');
    const page = server.parts.tfserving.metrics.text();
    expect(page).toContain(':tensorflow:serving:request_count{model_name="classifier-onnx",status="OK"} 2');
    expect(page).toContain(':tensorflow:serving:request_count{model_name="classifier-onnx",status="INVALID_ARGUMENT"} 2');
    expect(page).toContain(':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"} 2');
    expect(page).toContain(':tensorflow:serving:request_example_count_total{model="classifier-onnx"} 4');
  });

  it('is answered compressed where it asks for that and the answer is large', async () => {
    await using server = await serve({ MODEL_PATH });
    const asked = { headers: { 'accept-encoding': 'gzip' }, body: body(100) };
    const answer = await bothWays(server, asked);
    expect(answer.fields).toEqual(expect.arrayContaining(['content-encoding: gzip', 'vary: accept-encoding']));
    const plain = await bothWays(server, { body: body(100) });
    expect(plain.fields).toContain('vary: accept-encoding');
    expect(gunzipSync(answer.body)).toEqual(plain.body);
  });

  it('says what browsers have to know of it, and one of a browser is answered with its own words', async () => {
    await using server = await serve({ MODEL_PATH, CORS_ORIGINS: 'https://a.example' });
    expect((await bothWays(server, { body: body(1) })).fields).toContain('vary: origin');
    expect((await send(server.port, { headers: { origin: 'https://a.example' }, body: body(1) })).fields).toContain('access-control-allow-origin: https://a.example');
  });

  it('is counted as any other', async () => {
    await using server = await serve({ MODEL_PATH });
    await bothWays(server, { body: body(2) });
    await bothWays(server, { body: '{' });
    const { text } = await server.parts.metrics.prometheus();
    expect(text).toContain('slipway_server_requests_total{model="classifier-onnx",version="v1",protocol="v2",code="200"} 2');
    expect(text).toContain('slipway_server_request_duration_seconds_count{model="classifier-onnx",version="v1",protocol="v2"} 4');
    expect(text).toContain('slipway_server_requests_total{model="classifier-onnx",version="v1",protocol="v2",code="400"} 2');
    expect(text).toContain('slipway_server_requests_in_flight 0');
  });
});
