// The gRPC side of the one listener, with a genuine client: framing, status, limits, compression, deadline, health, drain.
import http2 from 'node:http2';
import path from 'node:path';
import grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HEALTH_PROTO } from '../../server/src/protocols/grpc/health.ts';
import { grpcClient, type GrpcClient } from './support/grpc.ts';
import { doubling } from './support/saved-model.ts';
import { serve, temporaryFolder, type Loose, type TestServer } from './support/server.ts';

const folder = temporaryFolder();
let server: TestServer;
let health: GrpcClient;

beforeAll(async () => {
  doubling(path.join(folder.path, 'twice', '1'), 'float32', [-1, 2]);
  server = await serve({ MODEL_PATH: folder.path, WARMUP_ITERATIONS: '1', MAX_BODY_BYTES: '1000000', REVISION: 'twice-abc' });
  health = grpcClient(HEALTH_PROTO, 'grpc.health.v1.Health', server.port);
});
afterAll(async () => {
  health[Symbol.dispose]();
  await server.close();
  folder[Symbol.dispose]();
});

describe('grpc.health.v1', () => {
  it.each(['', 'twice'])('serves %j', async (service) => {
    const { body, headers } = await health.call('Check', { service }, { 'x-request-id': 'me-1' });
    expect(body).toEqual({ status: 'SERVING' });
    expect(headers.get('x-request-id')).toEqual(['me-1']);
    expect(headers.get('slipway-revision')).toEqual(['twice-abc']);
  });

  it('does not know what is not there', async () => {
    await expect(health.call('Check', { service: 'nobody' })).rejects.toMatchObject({ code: grpc.status.NOT_FOUND, details: 'There is no service nobody.' });
  });

  it('tells a watcher what changes', async () => {
    const seen: string[] = [];
    const watch = health.raw.Watch({ service: 'twice' });
    await new Promise<void>((resolve) => {
      watch.on('error', () => { resolve(); });
      watch.on('data', ({ status }: Loose) => {
        seen.push(status);
        if (seen.length === 1) void server.parts.manager.unload('twice');
        else watch.cancel();
      });
    });
    expect(seen).toEqual(['SERVING', 'SERVICE_UNKNOWN']);
    await server.parts.manager.loadModel('twice', path.join(folder.path, 'twice', '1'), '1');
  });
});

describe('HTTP/2', () => {
  it('refuses a message that says it is compressed where nothing says how', async () => {
    await using session = Object.assign(http2.connect(server.url), { [Symbol.asyncDispose]: () => Promise.resolve() });
    const stream = session.request({ ':method': 'POST', ':path': '/grpc.health.v1.Health/Check', 'content-type': 'application/grpc', te: 'trailers' });
    stream.end(Buffer.from([1, 0, 0, 0, 0]));
    const [headers] = (await new Promise<unknown[]>((resolve) => stream.once('response', (...given) => { resolve(given); }))) as [http2.IncomingHttpHeaders];
    expect([headers['grpc-status'], decodeURIComponent(String(headers['grpc-message']))]).toEqual(['13', 'The message says that it is compressed, but grpc-encoding does not say how.']);
    session.destroy();
  });

  it('answers routes and gRPC on one connection', async () => {
    await using session = Object.assign(http2.connect(server.url), { [Symbol.asyncDispose]: () => Promise.resolve() });
    const plain = session.request({ ':path': '/health' });
    const [headers] = (await new Promise<unknown[]>((resolve) => plain.once('response', (...given) => { resolve(given); }))) as [http2.IncomingHttpHeaders];
    expect(headers[':status']).toBe(200);
    const unknown = session.request({ ':method': 'POST', ':path': '/a.B/C', 'content-type': 'application/grpc', te: 'trailers' });
    const [refused] = (await new Promise<unknown[]>((resolve) => unknown.once('response', (...given) => { resolve(given); }))) as [http2.IncomingHttpHeaders];
    expect(refused).toMatchObject({ ':status': 200, 'grpc-status': '12', 'grpc-message': 'There is no method /a.B/C.' });
    session.destroy();
  });
});
