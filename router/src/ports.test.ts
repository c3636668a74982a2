// Revisions whose servers listen elsewhere: each is called on its own port, gRPC on its own where there is one.
import http2 from 'node:http2';
import { afterEach, describe, expect, it } from 'vitest';
import { backend, closeAll, http1Pod, http2Pod, onClose, startRouter } from './testing/harness.ts';

afterEach(closeAll);

function grpcCall(port: number): Promise<string> {
  const client = http2.connect(`http://127.0.0.1:${String(port)}`);
  onClose(() => client.destroy());
  return new Promise((resolve, reject) => {
    const stream = client.request({ ':method': 'POST', ':path': '/inference.GRPCInferenceService/ModelInfer', 'content-type': 'application/grpc' });
    let body = '';
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => (body += chunk));
    stream.on('error', reject);
    stream.on('end', () => resolve(body));
    stream.end('x');
  });
}

const speaks = (text: string) => (stream: http2.ServerHttp2Stream): void => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
  stream.end(text);
};

describe('ports of revisions', () => {
  it('a revision without any is on the port of the entry, one with is on its own', async () => {
    const stable = await http1Pod((_req, res) => res.end('stable'));
    const canary = await http1Pod((_req, res) => res.end('canary'));
    const router = await startRouter({ targetPort: stable.port, route: { backends: [backend('stable', 50, 'v1'), { ...backend('canary', 50, 'v2'), port: canary.port }] } });
    router.pods({ stable: [stable], canary: [canary] });
    for (const [version, text] of [['v1', 'stable'], ['v2', 'canary']] as const) expect((await router.call({ headers: { 'Slipway-Model-Version': version } })).text).toBe(text);
    expect([stable.hits(), canary.hits()]).toEqual([1, 1]);
  });

  it('gRPC goes to the port for it, everything else to the other', async () => {
    const http = await http1Pod((_req, res) => res.end('http'));
    const grpc = await http2Pod(speaks('grpc'), 0, http.host);
    const router = await startRouter({ targetPort: http.port, route: { backends: [{ ...backend('stable', 100, 'v1'), grpcPort: grpc.port }] } });
    router.pods({ stable: [http] });
    expect((await router.call()).text).toBe('http');
    expect(await grpcCall(router.port)).toBe('grpc');
  });

  it('an entry that changes a port takes nothing from the requests under way', async () => {
    let finish = (): void => undefined;
    const before = await http1Pod((_req, res) => (finish = () => res.end('before')));
    const after = await http1Pod((_req, res) => res.end('after'), 0, before.host);
    const router = await startRouter({ targetPort: before.port });
    router.pods({ stable: [before] });
    const slow = router.call();
    while (before.hits() === 0) await new Promise((resolve) => setImmediate(resolve));
    router.route({ backends: [{ ...backend('stable', 100, 'v1'), port: after.port }] });
    expect((await router.call()).text).toBe('after');
    finish();
    expect((await slow).text).toBe('before');
  });
});
