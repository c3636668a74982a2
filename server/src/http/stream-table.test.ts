// Node's own sessions are used: a new Node may keep its streams elsewhere, and this says so.
import fc from 'fast-check';
import http2 from 'node:http2';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { keepStreamsApart, StreamTable } from './stream-table.ts';

it('holds what a Map holds', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom('set', 'delete'), fc.integer({ min: 1, max: 300 }))), (steps) => {
    const [table, map] = [new StreamTable<number>(), new Map<number, number>()];
    steps.forEach(([step, id], at) => {
      if (step === 'set') {
        table.set(id, at);
        map.set(id, at);
      }
      if (step === 'delete') expect(table.delete(id)).toBe(map.delete(id));
      expect([table.size, table.has(id), table.get(id)]).toEqual([map.size, map.has(id), map.get(id)]);
    });
    const seen = new Map<number, number>();
    table.forEach((value, id) => seen.set(id, value));
    expect([...seen].sort()).toEqual([...map].sort());
  }));
});

it('takes the place of the Map of a session, whose streams come, go and are ended with it', async () => {
  const server = http2.createServer();
  const taken: boolean[] = [];
  server.on('session', (session) => taken.push(keepStreamsApart(session)));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    if (headers[':path'] === '/held') return;
    stream.respond();
    stream.end(headers[':path']);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = http2.connect(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
  client.on('error', () => undefined);
  const ask = async (path: string): Promise<string> => {
    const stream = client.request({ ':path': path });
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) text += chunk as string;
    return text;
  };
  const paths = Array.from({ length: 300 }, (_, at) => `/${String(at)}`);
  expect(await Promise.all(paths.map(ask))).toEqual(paths);
  const held = client.request({ ':path': '/held' });
  held.on('error', () => undefined);
  await Promise.all([once(held, 'close'), once(server, 'stream').then(([stream]) => { (stream as http2.ServerHttp2Stream).session?.destroy(); })]);
  expect(taken).toEqual([true]);
  await new Promise((resolve) => server.close(resolve));
});
