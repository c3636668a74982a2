// The access log of a server in a process of its own: what a line says of calls over HTTP and gRPC, and what is never in it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { V2_PROTO } from '../../server/src/protocols/v2/proto.ts';
import { freePort } from '../../tools/free-port.ts';
import { grpcClient } from './support/grpc.ts';
import { ask, MODELS, ROOT, until, type Loose } from './support/server.ts';

interface Logged extends AsyncDisposable {
  url: string;
  port: number;
  lines: Loose[];
  text(): string;
}

async function start(env: Record<string, string>): Promise<Logged> {
  const [port, admin] = [await freePort(), await freePort()];
  const source = (name: string): string => path.join(ROOT, 'server/src', name);
  const settings = { PORT: String(port), ADMIN_PORT: String(admin), HOST: '127.0.0.1', DRAIN_DELAY_SECONDS: '0', WARMUP_ITERATIONS: '1', MODEL_PATH: path.join(MODELS, 'classifier-onnx', 'v1'), REVISION: 'pump-1a2b3', ...env };
  const server = spawn(process.execPath, ['--import', source('preload.ts'), source('main.ts')], { env: { ...process.env, ...settings }, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(server, 'close');
  const lines: Loose[] = [];
  const raw: string[] = [];
  createInterface({ input: server.stdout }).on('line', (line) => {
    raw.push(line);
    const parsed = JSON.parse(line) as { msg?: string };
    if (parsed.msg === 'call') lines.push(parsed);
  });
  const url = `http://127.0.0.1:${String(port)}`;
  await until(() => ask(`${url}/health/ready`).then((answer) => answer.status, () => 0), (status) => status === 200, 60_000);
  return { url, port, lines, text: () => raw.join('\n'), [Symbol.asyncDispose]: async () => { server.kill('SIGTERM'); await exited; } };
}

const post = (url: string, body: string, headers: Record<string, string> = {}): Promise<Response> => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });

describe('the access log', () => {
  it('has a line for every kind of call, with its phases and nothing of its content', async () => {
    await using server = await start({ ACCESS_LOG_SAMPLE: '1', CACHE_MAX_BYTES: '100000' });
    const secret = '31415.926';
    const headers = { 'x-request-id': 'mine-1', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', authorization: 'Bearer hush', cookie: 'hush' };
    const body = JSON.stringify({ inputs: [[1, 2, 3, 4, Number(secret)], [1, 2, 3, 4, 5]] });
    await post(`${server.url}/predict?modelVersion=v1&key=hush`, body, headers);
    await post(`${server.url}/v2/models/classifier-onnx/infer`, '{"inputs":[]}', { 'x-request-id': 'mine-2' });
    await fetch(`${server.url}/nowhere/hush`, { headers: { 'x-request-id': 'mine-3' } });
    using client = grpcClient(V2_PROTO, 'inference.GRPCInferenceService', server.port);
    await client.call('ModelInfer', { model_name: 'classifier-onnx', inputs: [{ name: 'readings', datatype: 'FP32', shape: [1, 5], contents: { fp32_contents: [1, 2, 3, 4, 5] } }] }, { 'x-request-id': 'mine-4' });
    await client.call('ModelInfer', { model_name: 'nobody' }, { 'x-request-id': 'mine-5' }).catch(() => undefined);
    await until(() => server.lines.length, (count) => count >= 5);
    const line = (id: string): Loose => server.lines.find((each) => each.reqId === id);
    const phases = { preprocess: expect.any(Number) as number, queue: expect.any(Number) as number, batch: expect.any(Number) as number, compute: expect.any(Number) as number, postprocess: expect.any(Number) as number };
    expect(line('mine-1')).toMatchObject({ traceparent: headers.traceparent, revision: 'pump-1a2b3', method: 'POST', path: '/predict', status: 200, protocol: 'native', model: 'classifier-onnx', version: 'v1', rows: 2, phases, cache: 'miss', bytesIn: body.length, ms: expect.any(Number) as number });
    expect(line('mine-1').bytesOut).toBeGreaterThan(50);
    expect(line('mine-2')).toMatchObject({ path: '/v2/models/:model/infer', status: 400, protocol: 'v2', error: 'malformed_request' });
    expect(line('mine-3')).toMatchObject({ method: 'GET', path: '', status: 404 });
    expect(line('mine-4')).toMatchObject({ method: 'GRPC', path: '/inference.GRPCInferenceService/ModelInfer', status: 0, protocol: 'v2-grpc', rows: 1, phases });
    expect(line('mine-4').bytesIn).toBeGreaterThan(30);
    expect(line('mine-5')).toMatchObject({ status: 5, error: 'model_not_found', model: '' });
    for (const never of ['hush', secret]) expect(server.text()).not.toContain(never);
    expect(server.lines).toHaveLength(5);
  });

  it('has only failures where no call is sampled', async () => {
    await using server = await start({ ACCESS_LOG_SAMPLE: '0' });
    await post(`${server.url}/predict`, '{"inputs":[[1,2,3,4,5]]}');
    await post(`${server.url}/predict`, '{', { 'x-request-id': 'wrong' });
    await until(() => server.lines.length, (count) => count > 0);
    expect(server.lines).toMatchObject([{ reqId: 'wrong', status: 400, error: 'malformed_request' }]);
  });
});
