// One port for HTTP/1.1 and cleartext HTTP/2: plain calls over HTTP/2 reach HTTP/1.1 pods, gRPC calls keep HTTP/2 and their trailers.
import http2 from 'node:http2';
import net from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { backend, closeAll, http1Pod, http2Pod, onClose, rawPod, startRouter, until } from './testing/harness.ts';
import { frame, PREFACE } from './testing/http2-frames.ts';

afterEach(closeAll);

interface Reply {
  headers: http2.IncomingHttpHeaders;
  trailers: http2.IncomingHttpHeaders | undefined;
  body: Buffer;
  endedByHeaders: boolean;
}

function session(port: number): http2.ClientHttp2Session {
  const client = http2.connect(`http://127.0.0.1:${port}`);
  client.on('error', () => undefined);
  onClose(() => client.destroy());
  return client;
}

function request(client: http2.ClientHttp2Session, headers: http2.OutgoingHttpHeaders, body?: string | Buffer): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const stream = client.request(headers, { endStream: body === undefined });
    const chunks: Buffer[] = [];
    const reply: Reply = { headers: {}, trailers: undefined, body: Buffer.alloc(0), endedByHeaders: false };
    stream.on('response', (h, flags: number) => {
      reply.headers = h;
      reply.endedByHeaders = (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    });
    stream.on('trailers', (t: http2.IncomingHttpHeaders) => (reply.trailers = t));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('end', () => resolve({ ...reply, body: Buffer.concat(chunks) }));
    if (body !== undefined) stream.end(body);
  });
}

/** The bytes of a connection with one request, with headers that no client library would send. Texts are shorter than 127 bytes. */
function rawRequest(headers: [string, string][]): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
  const block = Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
  const END_STREAM_AND_HEADERS = 5;
  return Buffer.concat([PREFACE, frame(4, 0, 0), frame(1, END_STREAM_AND_HEADERS, 1, block)]);
}

const GRPC = { ':method': 'POST', ':path': '/inference.GRPCInferenceService/ModelInfer', 'content-type': 'application/grpc', te: 'trailers' };

/** Answers as a gRPC server does: the message back, then the status as trailers. */
function grpcEcho(stream: http2.ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'fine' }));
  stream.pipe(stream);
}

describe('HTTP/2 towards callers', () => {
  it('shares the port with HTTP/1.1', async () => {
    const pod = await http1Pod((req, res) => res.writeHead(200, { 'x-seen': req.httpVersion, 'x-host': req.headers.host ?? '' }).end('ok'));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const client = session(router.port);
    const reply = await request(client, { ':path': '/models', ':authority': 'svc.ns' });
    expect(reply.headers).toMatchObject({ ':status': 200, 'slipway-revision': 'svc-stable', 'x-seen': '1.1', 'x-host': 'svc.ns' });
    expect(reply.body.toString()).toBe('ok');
    expect((await router.call()).text).toBe('ok');
  });

  it('tells the protocols apart when the first bytes come one by one', async () => {
    const pod = await http1Pod((_req, res) => res.end('ok'));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    for (const text of ['PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n', 'PROPFIND / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n']) {
      const answer = await new Promise<string>((resolve) => {
        const socket = net.connect({ port: router.port, host: '127.0.0.1', noDelay: true });
        let got = '';
        socket.on('data', (chunk) => (got += chunk.toString()));
        socket.on('close', () => resolve(got));
        let at = 0;
        const next = (): void => void (at < text.length && socket.write(text[at++] as string, () => setImmediate(next)));
        next();
      });
      expect(answer).toMatch(/^HTTP\/1\.1 200 OK/);
    }
  });

  it('serves many streams at once on one connection', async () => {
    const pod = await http1Pod((req, res) => req.pipe(res));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const client = session(router.port);
    const replies = await Promise.all(Array.from({ length: 100 }, (_, i) => request(client, { ':method': 'POST', ':path': '/' }, `n${i}`)));
    expect(replies.map((r) => r.body.toString())).toEqual(Array.from({ length: 100 }, (_, i) => `n${i}`));
    expect(router.metric('slipway_router_open_connections', 'downstream')).toBe(1);
  });

  it('resets the stream of a half answer', async () => {
    const pod = await rawPod((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf')));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    await expect(request(session(router.port), { ':path': '/' })).rejects.toThrow(/INTERNAL_ERROR/);
  });

  it('ends the work of a pod when the stream is cancelled', async () => {
    let ended = false;
    const pod = await http1Pod((_req, res) => void res.on('close', () => (ended = true)));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const stream = session(router.port).request({ ':path': '/' });
    stream.on('error', () => undefined);
    await until(() => pod.hits() === 1, 'request at the pod');
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await until(() => ended, 'pod sees the end');
    expect(router.app.underWay).toBe(0);
  });

  it('cannot be made to break a line in the HTTP/1.1 it becomes', async () => {
    const seen: string[] = [];
    const pod = await rawPod((socket) =>
      socket.on('data', (chunk) => {
        seen.push(chunk.toString('latin1'));
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      }),
    );
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const client = session(router.port);
    // These end in the byte of a line feed when cut down to Latin-1.
    const odd = [{ 'x-odd': 'caf\u010A\u010DX: y' }, { ':path': '/a\u010A\u010Db' }, { ':authority': 'a\u010Ab' }, { 'x-odd': 'a\tb' }];
    for (const headers of odd) await request(client, { ':path': '/', ...headers }).catch(() => undefined);
    for (const text of seen) {
      expect(text.match(/\r\n\r\n/g)).toHaveLength(1);
      expect(text).not.toMatch(/[^\r]\n|\r[^\n]|\nX: y/);
    }
  });
});

describe('a caller that leaves', () => {
  it.each(['before it said anything', 'after the preface', 'after a request'])('%s leaves no connection behind', async (when) => {
    const pod = await http1Pod((_req, res) => res.end('ok'));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const socket = net.connect({ port: router.port, host: '127.0.0.1', allowHalfOpen: true });
    const request_ = rawRequest([[':method', 'GET'], [':path', '/'], [':scheme', 'http'], [':authority', 'a']]);
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.resume();
    socket.end(when === 'before it said anything' ? '' : when === 'after the preface' ? request_.subarray(0, 24) : request_);
    socket.on('end', () => socket.destroy());
    await closed;
    await until(() => router.metric('slipway_router_open_connections', 'downstream') === 0, 'no connection');
  });
});

describe('anything at all', () => {
  it('as headers of a request never harms the router', { timeout: 60_000 }, async () => {
    const pod = await http1Pod((_req, res) => res.end('ok'));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const name = fc.oneof(fc.constantFrom(':method', ':path', ':authority', ':scheme', ':status', 'host', 'te', 'connection', 'content-length', 'transfer-encoding', 'content-type', 'expect', 'upgrade', 'x'), fc.string({ maxLength: 20, unit: 'binary-ascii' }));
    const value = fc.oneof(fc.constantFrom('GET', '/', 'a', 'application/grpc', '5', 'chunked', 'trailers'), fc.string({ maxLength: 20, unit: 'binary-ascii' }));
    const good: [string, string][] = [[':method', 'GET'], [':path', '/'], [':scheme', 'http'], [':authority', 'a']];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(name, value), { maxLength: 6 }), fc.boolean(), async (headers, complete) => {
        const socket = net.connect(router.port, '127.0.0.1');
        const closed = new Promise((resolve) => socket.on('close', resolve));
        const answered = new Promise((resolve) => {
          let bytes = 0;
          // Settings, their acknowledgement and something about the stream.
          socket.on('data', (chunk) => (bytes += chunk.length) > 40 && resolve(true));
        });
        socket.on('error', () => undefined);
        socket.write(rawRequest(complete ? [...good, ...headers] : headers));
        await Promise.race([closed, answered, new Promise((resolve) => setTimeout(resolve, 100))]);
        socket.destroy();
        await closed;
      }),
      { numRuns: 150 },
    );
    expect((await request(session(router.port), { ':path': '/' })).body.toString()).toBe('ok');
    await until(() => router.app.underWay === 0, 'nothing under way');
  });
});

describe('what HTTP/1.1 allows and HTTP/2 does not', () => {
  it.each(['content-type', 'date', 'etag'])('two %s headers of a pod break the stream, not the router', async (name) => {
    const pod = await rawPod((socket) => socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\n${name}: a\r\n${name}: b\r\ncontent-length: 2\r\n\r\nok`)));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const reply = await request(session(router.port), { ':path': '/' }).catch((error: unknown) => error as Error);
    expect(reply).toBeInstanceOf(Error);
    expect((await router.call()).text).toBe('ok');
    expect(router.app.underWay).toBe(0);
  });

  it('HEAD is answered with headers, by a pod and by the router', async () => {
    const pod = await http1Pod((_req, res) => res.writeHead(200, { 'content-length': 5 }).end());
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const client = session(router.port);
    expect((await request(client, { ':method': 'HEAD', ':path': '/' })).headers).toMatchObject({ ':status': 200, 'content-length': '5' });
    router.pods({ stable: [] });
    expect((await request(client, { ':method': 'HEAD', ':path': '/' })).headers).toMatchObject({ ':status': 503 });
    expect((await request(client, { ':path': '/' })).headers).toMatchObject({ ':status': 503 });
  });
});

describe('gRPC', () => {
  it('with headers that cannot be passed on is refused', async () => {
    const pod = await http2Pod(grpcEcho);
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    for (const name of ['authorization', 'user-agent', 'if-match', 'x-many']) {
      const socket = net.connect(router.port, '127.0.0.1');
      socket.write(rawRequest([[':method', 'POST'], [':path', '/'], [':scheme', 'http'], [':authority', 'a'], ['content-type', 'application/grpc'], [name, 'a'], [name, 'b']]));
      await until(() => router.metric('slipway_router_requests_total') > 0, 'request answered');
      socket.destroy();
    }
    const client = session(router.port);
    expect((await request(client, GRPC, 'fine')).body.toString()).toBe('fine');
    expect(router.app.underWay).toBe(0);
  });

  it('keeps HTTP/2 to the pod, and the trailers', async () => {
    const pod = await http2Pod(grpcEcho);
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const client = session(router.port);
    for (let i = 0; i < 5; i++) {
      const reply = await request(client, GRPC, `message ${i}`);
      expect(reply.body.toString()).toBe(`message ${i}`);
      expect(reply.headers).toMatchObject({ ':status': 200, 'content-type': 'application/grpc', 'slipway-revision': 'svc-stable' });
      expect(reply.trailers).toMatchObject({ 'grpc-status': '0', 'grpc-message': 'fine' });
    }
    expect(pod.connections()).toBe(1);
  });

  it('streams both ways at the same time', async () => {
    const pod = await http2Pod(grpcEcho);
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const stream = session(router.port).request(GRPC);
    const got: string[] = [];
    await new Promise<void>((resolve, reject) => {
      stream.on('error', reject);
      stream.on('data', (chunk: Buffer) => {
        got.push(chunk.toString());
        if (got.length < 4) stream.write(`m${got.length}`);
        else stream.end();
      });
      stream.on('end', resolve);
      stream.write('m0');
    });
    expect(got).toEqual(['m0', 'm1', 'm2', 'm3']);
  });

  it('passes an answer of headers alone on as one', async () => {
    const pod = await http2Pod((stream) => stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5', 'grpc-message': 'no model' }, { endStream: true }));
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const reply = await request(session(router.port), GRPC, 'x');
    expect(reply.headers).toMatchObject({ 'grpc-status': '5', 'grpc-message': 'no model' });
    expect(reply.endedByHeaders).toBe(true);
  });

  it('hears of the router\'s own problems in gRPC\'s way', async () => {
    const router = await startRouter({ targetPort: 1 });
    const reply = await request(session(router.port), GRPC, 'x');
    expect(reply.headers).toMatchObject({ ':status': 200, 'grpc-status': '14', 'content-type': 'application/grpc' });
    expect(reply.endedByHeaders).toBe(true);
  });

  it('is retried on another pod when a connection is refused or breaks', async () => {
    const live = await http2Pod(grpcEcho);
    const breaking = await rawPod((socket) => socket.once('data', () => socket.destroy()), live.port);
    const dead = await rawPod(() => undefined, live.port);
    await dead.stop();
    const router = await startRouter({ targetPort: live.port });
    router.pods({ stable: [dead, breaking, live] });
    const client = session(router.port);
    for (let i = 0; i < 6; i++) expect((await request(client, GRPC, `m${i}`)).body.toString()).toBe(`m${i}`);
    expect(router.metric('slipway_router_retries_total')).toBeGreaterThanOrEqual(2);
  });

  it('goes on after the pod said GOAWAY', async () => {
    const sessions: (http2.Http2Session | undefined)[] = [];
    const pod = await http2Pod((stream) => {
      if (!sessions.includes(stream.session)) sessions.push(stream.session);
      grpcEcho(stream);
    });
    const router = await startRouter({ targetPort: pod.port });
    router.pods({ stable: [pod] });
    const client = session(router.port);
    for (let i = 0; i < 10; i++) {
      expect((await request(client, GRPC, `m${i}`)).body.toString()).toBe(`m${i}`);
      sessions.at(-1)?.close();
    }
    expect(pod.connections()).toBeGreaterThan(1);
  });

  it('finds the revision that has the version', async () => {
    const pod = await http2Pod((stream) => stream.respond({ ':status': 421 }, { endStream: true }));
    const canary = await http2Pod(grpcEcho, pod.port);
    const router = await startRouter({ targetPort: pod.port, route: { backends: [backend('stable', 100, 'v1'), backend('canary', 0, 'v2')] } });
    router.pods({ stable: [pod], canary: [canary] });
    const reply = await request(session(router.port), GRPC, 'x');
    expect(reply.headers).toMatchObject({ 'slipway-revision': 'svc-canary' });
    expect(reply.body.toString()).toBe('x');
  });
});
