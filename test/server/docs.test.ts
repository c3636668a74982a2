// The lines of docs/server.md run as they stand there, with real curl, beside a server on the sample models.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODELS, ROOT, serve, type TestServer } from './support/server.ts';

const page = readFileSync(path.join(ROOT, 'docs/server.md'), 'utf8');
const lines = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap((match) => (match[1] ?? '').trim().split('\n'));

let server: TestServer;
beforeAll(async () => {
  server = await serve({ MODEL_PATH: MODELS, WARMUP_ITERATIONS: '1' });
});
afterAll(() => server.close());

describe('docs/server.md', () => {
  it('has calls', () => {
    expect(lines.length).toBeGreaterThan(15);
    expect(lines.every((line) => line.includes('curl -sf '))).toBe(true);
  });

  it.each(lines)('%s', async (line) => {
    const here = line.replace('http://127.0.0.1:3000', server.url).replace('http://127.0.0.1:9090', server.admin);
    const { stdout } = await promisify(execFile)('bash', ['-c', here], { cwd: ROOT });
    expect(stdout.length).toBeGreaterThan(10);
  });
});
