// Asking pods, over real HTTP on loopback: an answer, or why there is none.
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RouterReport } from '@slipway/api';
import { manualClock } from '@slipway/kube';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAsk } from './ask.ts';
import { createAskRouter } from './routers.ts';

let server: Server;
let handler: RequestListener;
beforeEach(async () => {
  server = createServer((request, response) => handler(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const report = { pod: 'r', entries: [{ uid: 'u', name: 'x', sequence: 3, listening: true, endpoints: { a: 1 } }] };
const question = () => ({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, path: '/routes', schema: RouterReport, timeoutMs: 200 });

describe('ask', () => {
  it('parses what it is told', async () => {
    handler = (_request, response) => response.end(JSON.stringify(report));
    expect(await createAsk()(question())).toEqual({ value: report });
  });

  it.each([
    ['an error', (_q, r) => r.writeHead(503).end('no'), /answered 503/],
    ['something else', (_q, r) => r.end('{"pod":7}'), /pod/],
    ['no JSON', (_q, r) => r.end('<html>'), /JSON/],
    ['silence', () => undefined, /no answer within 200 ms|aborted/],
    ['half an answer', (_q, r) => r.write('{'), /no answer within 200 ms|aborted/],
    ['a reset', (_q, r) => r.socket?.resetAndDestroy(), /ECONNRESET|hang up/],
  ] as [string, RequestListener, RegExp][])('%s is unreachable, with the reason', async (_name, misbehave, why) => {
    handler = misbehave;
    const answer = await createAsk()(question());
    expect(answer).toEqual({ unreachable: expect.stringMatching(why) as string });
  });

  it('nobody there is unreachable', async () => {
    const options = question();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(await createAsk()(options)).toEqual({ unreachable: expect.stringMatching(/ECONNREFUSED/) as string });
    server = createServer();
  });
});

describe('asking a router', () => {
  it('one answer serves every InferenceService for a moment', async () => {
    const clock = manualClock();
    const asked: string[] = [];
    const askRouter = createAskRouter(({ host }) => {
      asked.push(host);
      return Promise.resolve({ value: report as never });
    }, clock);
    const pod = (uid: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: uid, uid }, status: { podIP: `ip-${uid}` } });
    await Promise.all([askRouter(pod('a')), askRouter(pod('a')), askRouter(pod('b'))]);
    expect(asked).toEqual(['ip-a', 'ip-b']);
    await clock.advance(200);
    await askRouter(pod('a'));
    expect(asked).toEqual(['ip-a', 'ip-b', 'ip-a']);
  });
});
