// The list-watch shell against a local HTTP server that misbehaves in every way an API server or the network between can.
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClient } from './client.ts';
import type { Client } from './client.ts';
import { systemClock } from './clock.ts';
import { createInformer } from './informer.ts';
import type { Informer } from './informer.ts';
import { CONFIG_MAPS } from './resources.ts';
import { createTransport } from './transport.ts';
import type { KubeObject } from './types.ts';

type Script = (query: URLSearchParams, response: ServerResponse, request: IncomingMessage) => void;

const item = (name: string, version: number): KubeObject =>
  ({ metadata: { name, namespace: 'n', resourceVersion: String(version), managedFields: [{ manager: 'x' }] } }) as unknown as KubeObject;
const event = (type: string, name: string, version: number): string =>
  `${JSON.stringify({ type, object: { ...item(name, version), apiVersion: 'v1', kind: 'ConfigMap' } })}\n`;
const page = (response: ServerResponse, items: KubeObject[], version: number, more = ''): void => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ kind: 'ConfigMapList', apiVersion: 'v1', metadata: { resourceVersion: String(version), continue: more }, items }));
};
const refuse = (response: ServerResponse, code: number, headers: Record<string, string> = {}): void => {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ kind: 'Status', code, reason: 'Because', message: 'no' }));
};
const say = (response: ServerResponse, text: string): void => {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/json' });
  response.write(text);
};

let server: Server;
let client: Client;
let informer: Informer<KubeObject> | undefined;
let lists: Script[];
let watches: Script[];
let asked: string[];
let restarts: string[];

/** Answers the n-th list and the n-th watch with the n-th script; the last script of each repeats. */
const answer = (request: IncomingMessage, response: ServerResponse): void => {
  const query = new URL(request.url ?? '', 'http://x').searchParams;
  const watching = query.get('watch') === 'true';
  asked.push(watching ? `watch ${query.get('resourceVersion')}` : `list ${query.get('continue') ?? ''}`.trim());
  const scripts = watching ? watches : lists;
  const script = scripts.length > 1 ? scripts.shift() : scripts[0];
  script?.(query, response, request);
};

const start = (options: { inactivityMs?: number } = {}): Informer<KubeObject> => {
  informer = createInformer<KubeObject>({
    client,
    type: CONFIG_MAPS,
    clock: systemClock,
    random: () => 0.5,
    backoff: { baseMs: 5, maxMs: 40, factor: 2 },
    pageLimit: 2,
    onRestart: (_type, because) => restarts.push(because),
    ...options,
  });
  informer.start();
  return informer;
};
const versionOf = (name: string): string | undefined => informer?.cache.get('n', name)?.metadata.resourceVersion;
const until = (condition: () => boolean): Promise<void> => expect.poll(condition, { timeout: 8_000, interval: 5 }).toBe(true);
const silent: Script = (_query, response) => say(response, '\n');

beforeEach(async () => {
  [lists, watches, asked, restarts] = [[(_q, r) => page(r, [item('a', 1)], 10)], [silent], [], []];
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const connection = { server: `http://127.0.0.1:${port}`, tls: {}, headers: () => Promise.resolve({}) };
  client = createClient(createTransport({ connection, clock: systemClock, userAgent: 'test' }));
});

afterEach(async () => {
  await informer?.stop();
  informer = undefined;
  await client.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe('list-watch shell', () => {
  it('pages, watches on from there, and strips managedFields', async () => {
    lists = [(_q, r) => page(r, [item('a', 1), item('b', 2)], 10, 'next'), (_q, r) => page(r, [item('c', 3)], 10)];
    watches = [(_q, r) => say(r, event('MODIFIED', 'a', 11) + event('DELETED', 'b', 12))];
    start();
    await until(() => versionOf('a') === '11' && versionOf('b') === undefined && versionOf('c') === '3');
    expect(asked).toEqual(['list', 'list next', 'watch 10']);
    expect(informer?.cache.get('n', 'a')).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
    expect(informer?.cache.get('n', 'c')?.metadata.managedFields).toBeUndefined();
  });

  it('an event cut into pieces in the middle of a character arrives whole', async () => {
    const text = Buffer.from(event('ADDED', 'grün', 11));
    const middle = text.indexOf(0xbc);
    watches = [
      (_q, r) => {
        r.writeHead(200);
        r.write(text.subarray(0, middle));
        setTimeout(() => r.write(text.subarray(middle)), 20);
      },
    ];
    start();
    await until(() => versionOf('grün') === '11');
  });

  it('a reset connection is watched on from the last version seen', async () => {
    watches = [
      (_q, r) => {
        say(r, event('ADDED', 'b', 11));
        setTimeout(() => r.socket?.resetAndDestroy(), 20);
      },
      (_q, r) => say(r, event('ADDED', 'c', 12)),
    ];
    start();
    await until(() => versionOf('c') === '12');
    expect(asked).toEqual(['list', 'watch 10', 'watch 11']);
    expect(restarts).toEqual(['Reset']);
  });

  it('a half-open connection is given up after the inactivity time', async () => {
    watches = [silent, (_q, r) => say(r, event('ADDED', 'b', 11))];
    start({ inactivityMs: 100 });
    await until(() => versionOf('b') === '11');
    expect(asked.slice(0, 3)).toEqual(['list', 'watch 10', 'watch 10']);
    expect(restarts[0]).toBe('Inactive');
  });

  it('a server that never sends headers is given up too', async () => {
    watches = [() => undefined, (_q, r) => say(r, event('ADDED', 'b', 11))];
    start({ inactivityMs: 100 });
    await until(() => versionOf('b') === '11');
    expect(restarts[0]).toBe('Timeout');
  });

  it('410 as a status lists again at once and drops what is gone', async () => {
    lists = [(_q, r) => page(r, [item('a', 1), item('b', 2)], 10), (_q, r) => page(r, [item('a', 20)], 21)];
    watches = [(_q, r) => refuse(r, 410), silent];
    start();
    await until(() => asked.includes('watch 21'));
    expect(versionOf('a')).toBe('20');
    expect(versionOf('b')).toBeUndefined();
    expect(restarts).toEqual(['Expired']);
  });

  it('410 as an event on an open stream does the same', async () => {
    lists = [(_q, r) => page(r, [item('a', 1)], 10), (_q, r) => page(r, [item('a', 20)], 21)];
    watches = [(_q, r) => say(r, `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })}\n`), silent];
    start();
    await until(() => versionOf('a') === '20');
    expect(restarts).toEqual(['Expired']);
  });

  it('429 and 500 on the list are survived', async () => {
    lists = [(_q, r) => refuse(r, 429, { 'retry-after': '0' }), (_q, r) => refuse(r, 500), (_q, r) => page(r, [item('a', 1)], 10)];
    start();
    await until(() => informer?.cache.hasSynced === true);
    expect(restarts).toEqual(['429', '500']);
  });

  it('Retry-After of a 429 is waited for', async () => {
    let refusedAt = 0;
    let askedAgainAt = 0;
    lists = [
      (_q, r) => {
        refusedAt = performance.now();
        refuse(r, 429, { 'retry-after': '1' });
      },
      (_q, r) => {
        askedAgainAt = performance.now();
        page(r, [], 10);
      },
    ];
    start();
    await until(() => informer?.cache.hasSynced === true);
    expect(askedAgainAt - refusedAt).toBeGreaterThanOrEqual(995);
  });

  it('an event cut off by the end of the stream is told by the next watch', async () => {
    const text = event('ADDED', 'b', 11);
    watches = [
      (_q, r) => {
        say(r, text.slice(0, 30));
        r.end();
      },
      (_q, r) => say(r, text),
    ];
    start();
    await until(() => versionOf('b') === '11');
    expect(asked).toEqual(['list', 'watch 10', 'watch 10']);
  });

  it.each([
    ['half a line', '{"type":"ADD'],
    ['an event without an object', '{"type":"ADDED","object":null}'],
    ['an object without metadata', '{"type":"ADDED","object":{}}'],
    ['an unknown type', '{"type":"RENAMED","object":{"metadata":{}}}'],
    ['no event at all', 'null'],
  ])('%s in the stream leads to a new list', async (_name, line) => {
    watches = [(_q, r) => say(r, `${line}\n`), silent];
    lists = [(_q, r) => page(r, [item('a', 1)], 10), (_q, r) => page(r, [item('a', 5)], 12)];
    start();
    await until(() => asked.includes('watch 12'));
    expect(restarts).toEqual(['BadAnswer']);
  });

  it('a server that closes every watch at once is not hammered', async () => {
    watches = [(_q, r) => r.writeHead(200).end()];
    start();
    await until(() => restarts.length >= 4);
    expect(new Set(restarts)).toEqual(new Set(['Closed']));
    expect(asked.filter((line) => line.startsWith('list'))).toHaveLength(1);
  });

  it('bookmarks keep the version young', async () => {
    watches = [
      (_q, r) => {
        say(r, `${JSON.stringify({ type: 'BOOKMARK', object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { resourceVersion: '500' } } })}\n`);
        r.end();
      },
      silent,
    ];
    start();
    await until(() => asked.includes('watch 500'));
    expect(informer?.cache.hasSeen('500')).toBe(true);
  });

  it('a server that is away is waited for, and the watch resumed without a list', async () => {
    const { port } = server.address() as AddressInfo;
    start();
    await until(() => asked.includes('watch 10'));
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await until(() => restarts.includes('Unreachable'));
    server = createServer(answer);
    watches = [(_q, r) => say(r, event('ADDED', 'b', 11))];
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    await until(() => versionOf('b') === '11');
    expect(asked.filter((line) => line.startsWith('list'))).toHaveLength(1);
  });

  it('stop ends an open watch, a wait and a hanging list', async () => {
    const open = start();
    await until(() => asked.includes('watch 10'));
    await open.stop();
    lists = [() => undefined];
    const hanging = start();
    await until(() => asked.filter((line) => line === 'list').length === 2);
    await hanging.stop();
    const count = asked.length;
    lists = [(_q, r) => refuse(r, 429, { 'retry-after': '600' })];
    const waiting = start();
    await until(() => restarts.includes('429'));
    await waiting.stop();
    expect(asked).toHaveLength(count + 1);
  });

  it('a second start changes nothing: one list, one watch', async () => {
    const twice = start();
    twice.start();
    await until(() => asked.includes('watch 10'));
    expect(asked).toEqual(['list', 'watch 10']);
  });
});
