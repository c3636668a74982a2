// The load process in an open loop: what is sent to warm up is not counted.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { BEGIN, type LoadPlan, type LoadResult } from './plan.ts';

it('sends the calls of the warm-up too, and counts those that come after it', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-open-loop-'));
  let received = 0;
  const server = http.createServer((request, response) => {
    received += 1;
    request.resume().on('end', () => response.end('answer'));
  });
  try {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const bodyFile = path.join(folder, 'body');
    writeFileSync(bodyFile, 'a body');
    const { port } = server.address() as AddressInfo;
    const plan: LoadPlan = { port, wire: 'http', path: '/', headers: {}, bodyFile, concurrency: 4, warmup: 0.2, seconds: 0.5, rate: 100 };
    const { stdout } = await promisify(execFile)(process.execPath, [path.join(import.meta.dirname, 'main.ts'), JSON.stringify(plan)]);
    const [begin, result] = stdout.trim().split('\n');
    expect(begin).toBe(BEGIN);
    expect(JSON.parse(result ?? '') as LoadResult).toMatchObject({ answered: 50, bad: 0, unanswered: 0 });
    expect(received).toBe(70);
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
