// Whatever goes wrong, the credentials are in no error that a log could show: not in its message, not in what caused it.
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import { createClient } from './client.ts';
import { systemClock } from './clock.ts';
import { SERVICES } from './resources.ts';
import { createTransport } from './transport.ts';

const CANARY = 'eyJhbGciOi-canary-9f2c';
let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
});

const FAILURES: Record<string, RequestListener> = {
  '401': (_request, response) => response.writeHead(401).end('no'),
  '403 with a Status': (_request, response) => response.writeHead(403, { 'content-type': 'application/json' }).end('{"kind":"Status","code":403,"message":"forbidden"}'),
  '500': (_request, response) => response.writeHead(500).end(),
  'not JSON': (_request, response) => response.end('<html>'),
  'a reset': (request) => request.socket.resetAndDestroy(),
  'half an answer': (_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('{', () => response.destroy());
  },
  'no answer': () => undefined,
  'no HTTP': (request) => request.socket.end('nonsense\r\n\r\n'),
};

it.each(Object.entries(FAILURES))('%s', async (_name, listener) => {
  let shown = '';
  server = createServer((request, response) => {
    shown = request.headers.authorization ?? '';
    listener(request, response);
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const connection = { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, tls: {}, headers: () => Promise.resolve({ authorization: `Bearer ${CANARY}` }) };
  const client = createClient(createTransport({ connection, clock: systemClock, userAgent: 'slipway-test', timeoutMs: 400 }));
  const error = await client.get({ type: SERVICES, namespace: 'n', name: 'x' }).catch((thrown: unknown) => thrown);
  await client.close();
  expect(shown, 'the secret was in use').toContain(CANARY);
  expect(error).toBeInstanceOf(Error);
  expect(inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error)).not.toContain(CANARY);
});
