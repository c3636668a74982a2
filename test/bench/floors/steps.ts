// Where the time of a plain request goes (docs/performance.md): the steps of the short way one by one in loops, then all of them together with a
// real worker, without sockets. One process: `node tools/run.mjs test/bench/floors/steps.ts` prints microseconds of CPU per request.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readPlainHead, type PlainHead } from '@slipway/api/http1';
import { protocolContext } from '../../../server/src/app.ts';
import { readConfig } from '../../../server/src/config.ts';
import { Drain } from '../../../server/src/http/drain.ts';
import { plainExchange } from '../../../server/src/http/plain/exchange.ts';
import { buildParts, type Parts } from '../../../server/src/parts.ts';
import { writeInferAnswer } from '../../../server/src/protocols/v2/answer.ts';
import { readInferRequest } from '../../../server/src/protocols/v2/body.ts';
import { callOf } from '../../../server/src/protocols/v2/infer.ts';
import { plainV2 } from '../../../server/src/protocols/v2/routes.ts';
import { MLP, writeMlp } from '../models.ts';
import { v2Request } from '../requests.ts';

const MAX_HEAD = 16_384;
const AT_ONCE = 32;
const ROWS = 8;
const MS = 1000;
const PHASES = ['preprocess', 'queue', 'batch', 'compute', 'postprocess', 'serialise'] as const;

const threadCpu = (): number => {
  const { user, system } = process.threadCpuUsage();
  return user + system;
};
const processCpu = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

/** CPU of this thread for one of them, microseconds, once the compiler is done with it. */
function timed(step: () => unknown): number {
  const loop = (ms: number): number => {
    const began = threadCpu();
    let count = 0;
    for (const end = performance.now() + ms; performance.now() < end; count += 100) for (let at = 0; at < 100; at++) step();
    return (threadCpu() - began) / count;
  };
  loop(MS);
  return loop(MS);
}

/** CPU for one of them, of this thread and of the whole process, while `lanes` do them one after another. */
async function together(lanes: number, one: () => Promise<unknown>): Promise<{ thread: number; process: number }> {
  const run = async (ms: number): Promise<{ thread: number; process: number }> => {
    const [thread, all] = [threadCpu(), processCpu()];
    let count = 0;
    const end = performance.now() + ms;
    const lane = async (): Promise<void> => {
      for (; performance.now() < end; count++) await one();
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return { thread: (threadCpu() - thread) / count, process: (processCpu() - all) / count };
  };
  await run(3 * MS);
  return run(3 * MS);
}

function takeOf(parts: Parts, config: ReturnType<typeof readConfig>): ReturnType<typeof plainExchange> {
  const context = protocolContext({ config, parts, drain: new Drain(), ready: () => true, state: () => { throw new Error('not asked for here'); } });
  return plainExchange({ revision: undefined, origins: [], access: parts.access, failed: (error) => { throw error; }, route: plainV2(context, parts.v2) });
}

async function measure(models: string): Promise<void> {
  const config = readConfig({ MODEL_PATH: models, LOG_LEVEL: 'silent' });
  const parts = buildParts(config);
  await parts.manager.loadFrom(config.MODEL_PATH);
  const model = await parts.engine.describe({ name: MLP.name, version: undefined, takes: 'tensors' });
  const { path: at, headers, body } = v2Request('mlp', 'json');
  const fields = Object.entries({ host: '127.0.0.1:3000', ...headers, 'content-length': String(body.byteLength) }).map(([name, value]) => `${name}: ${value}\r\n`);
  const bytes = Buffer.concat([Buffer.from(`POST ${at} HTTP/1.1\r\n${fields.join('')}\r\n`), body]);
  const head = readPlainHead(bytes, MAX_HEAD) as PlainHead;
  const take = takeOf(parts, config);
  const asked = readInferRequest(body, undefined);
  const [input] = asked.inputs;
  const { outputs } = await model.runner.run([asked.inputs]);
  const answer = { id: undefined, model: MLP.name, version: '1', outputs: outputs.map((tensor) => ({ tensor, binary: false })) };
  const print = (what: string, us: number): void => void process.stdout.write(`${what.padEnd(64)}${us.toFixed(2).padStart(8)}\n`);
  print('head: find its end, split and check its fields', timed(() => readPlainHead(bytes, MAX_HEAD)));
  print('route and what hooks would look at', timed(() => take(head)));
  print('body: JSON and its tensors', timed(() => readInferRequest(body, undefined)));
  print('names, types and shapes against the model', timed(() => callOf(asked, model.spec)));
  print('answer: JSON', timed(() => writeInferAnswer(answer)));
  print('counters and histograms', timed(() => {
    parts.metrics.call({ model: MLP.name, version: '1', protocol: 'v2', code: 200, ms: 1 });
    for (const phase of PHASES) parts.metrics.phase(MLP.name, '1', phase, 1);
  }));
  const batch = Array.from({ length: ROWS }, () => input?.data as Float32Array);
  const stacked = { name: MLP.input, dtype: 'float32' as const, shape: [ROWS, MLP.width], data: Float32Array.from(batch.flatMap((row) => [...row])) };
  const hop = await together(1, () => model.runner.run([[stacked]]));
  print(`a run of ${String(ROWS)} rows in the worker and back: this thread`, hop.thread);
  print(`a run of ${String(ROWS)} rows in the worker and back: all threads`, hop.process);
  for (const lanes of [1, AT_ONCE]) {
    const before = parts.metrics.statistics.of(MLP.name, '1').batches;
    const rows = parts.metrics.statistics.of(MLP.name, '1').rows;
    const whole = await together(lanes, () => new Promise<void>((resolve) => take(readPlainHead(bytes, MAX_HEAD) as PlainHead)?.(body, { aborted: false, answer: () => resolve() })));
    const after = parts.metrics.statistics.of(MLP.name, '1');
    print(`all of it but sockets, ${String(lanes)} at once: this thread`, whole.thread);
    print(`all of it but sockets, ${String(lanes)} at once: all threads`, whole.process);
    print(`  rows of a batch`, (after.rows - rows) / (after.batches - before));
  }
  await parts.manager.close();
}

const folder = mkdtempSync(path.join(tmpdir(), 'slipway-steps-'));
try {
  writeMlp(folder);
  await measure(folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
