// A real server process is told to end while it is busy: it keeps serving for the delay, loses no call, and exits by itself.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { TerminationReport } from '@slipway/api';
import { startProcess } from './support/process.ts';
import { slow } from './support/saved-model.ts';
import { ask, MODELS, ROOT, temporaryFolder, until } from './support/server.ts';

interface Outcome {
  status: number;
  connection: string | undefined;
}

function post(url: string, body: string, agent: http.Agent): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const request = http.request(`${url}/predict`, { method: 'POST', agent, headers: { 'content-type': 'application/json' } }, (answer) => {
      answer.resume();
      answer.on('end', () => { resolve({ status: answer.statusCode ?? 0, connection: answer.headers.connection }); });
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe('SIGTERM', () => {
  it('loses no call of callers that keep their connections, then exits with 0', async () => {
    const { child, url, exit, log } = await startProcess({ MODEL_PATH: path.join(MODELS, 'classifier', 'v1'), DRAIN_DELAY_SECONDS: '2' });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
    const body = JSON.stringify({ inputs: [[1, 2, 3, 4, 5]] });
    const outcomes: Outcome[] = [];
    const failures: unknown[] = [];
    let running = true;
    const lane = async (): Promise<void> => {
      while (running) await post(url, body, agent).then((outcome) => outcomes.push(outcome), (error: unknown) => failures.push(error));
    };
    const lanes = Array.from({ length: 8 }, lane);
    await until(() => outcomes.length, (count) => count > 50);
    const toldAt = performance.now();
    child.kill('SIGTERM');
    await until(() => outcomes.filter((outcome) => outcome.connection === 'close').length, (count) => count > 50);
    expect((await ask(`${url}/health/ready`)).status, 'stays ready').toBe(200);
    await until(() => performance.now() - toldAt, (ms) => ms > 1_400);
    running = false;
    await Promise.all(lanes);
    agent.destroy();
    expect(failures).toEqual([]);
    expect(outcomes.filter((outcome) => outcome.status !== 200)).toEqual([]);
    expect(await exit, log()).toBe(0);
    expect(performance.now() - toldAt).toBeGreaterThan(1_900);
  });

  it('finishes what began before the delay was over, HTTP/1.1 and HTTP/2', async () => {
    using folder = temporaryFolder();
    slow(path.join(folder.path, 'slow', '1'), 3000);
    const { child, url, exit, log } = await startProcess({ MODEL_PATH: folder.path, DRAIN_DELAY_SECONDS: '0.3' });
    const session = http2.connect(url);
    const viaHttp2 = new Promise<unknown>((resolve, reject) => {
      const stream = session.request({ ':method': 'POST', ':path': '/predict' });
      stream.on('response', (headers) => { resolve(headers[':status']); });
      stream.on('error', reject);
      stream.resume();
      stream.end(JSON.stringify({ inputs: [[1]] }));
    });
    const agent = new http.Agent({ keepAlive: true });
    const calls = Array.from({ length: 6 }, (_, index) => post(url, JSON.stringify({ inputs: [[index]] }), agent));
    const admin = async (): Promise<string> => (await ask(`${url}/metrics`, { headers: { accept: 'text/plain' } })).body as string;
    await until(admin, (text) => /slipway_server_requests_in_flight [567]/.test(text));
    child.kill('SIGTERM');
    expect(await viaHttp2).toBe(200);
    expect((await Promise.all(calls)).map((outcome) => outcome.status)).toEqual([200, 200, 200, 200, 200, 200]);
    session.destroy();
    agent.destroy();
    expect(await exit, log()).toBe(0);
  });
});

describe('the command', () => {
  it('--help lists every setting, a wrong one is named', async () => {
    const run = async (args: string[], env: Record<string, string>): Promise<{ code: number | null; text: string }> => {
      const source = (name: string): string => path.join(ROOT, 'server', 'src', name);
      const child = spawn(process.execPath, ['--import', source('preload.ts'), source('main.ts'), ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
      let text = '';
      child.stdout.on('data', (chunk) => (text += String(chunk)));
      child.stderr.on('data', (chunk) => (text += String(chunk)));
      const [code] = (await once(child, 'close')) as [number | null];
      return { code, text };
    };
    const { VARIABLE_NAMES } = await import('../../server/src/config.ts');
    const help = await run(['--help'], {});
    expect(help.code).toBe(0);
    for (const name of VARIABLE_NAMES) expect(help.text).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    const wrong = await run([], { PORT: 'many', MAX_BATCH_SIZE: '0' });
    expect(wrong.code).toBe(1);
    expect(wrong.text).toMatch(/PORT: .*\n?.*MAX_BATCH_SIZE: /s);
    expect(TerminationReport.parse(JSON.parse(wrong.text.trim().split('\n').at(-1) ?? ''))).toMatchObject({ reason: 'CrashLoop' });
  });
});
