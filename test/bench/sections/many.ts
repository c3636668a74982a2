// The section of many small models in one server: what each more costs in memory, threads and time to ready, and what all together answer.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { serveSlipway } from '../contenders.ts';
import { httpLanes } from '../load/http-lane.ts';
import type { Lane } from '../load/lane.ts';
import { rssMib, threadsOf } from '../processes.ts';
import { nativeRequest, v2Request, type Request } from '../requests.ts';
import type { Many } from '../results.ts';
import { modelOf, type Bench } from './load.ts';

/** One of each runtime. */
const WORKS = ['mlp', 'sentiment'] as const;
type Small = (typeof WORKS)[number];

const COUNTS = [1, 10, 50] as const;
/** Calls at once, each to the next of the models. */
const LANES = 50;

const nameOf = (work: Small, index: number): string => `${work}-${String(index)}`;

/** `count` models in one folder, each with a name of its own. */
function copies(work: Small, count: number, scratch: string): string {
  const folder = path.join(scratch, `many-${work}-${String(count)}`);
  const source = modelOf(work, scratch);
  for (let index = 0; index < count; index++) {
    const name = nameOf(work, index);
    const to = path.join(folder, name, '1');
    if (work === 'mlp') {
      cpSync(source, path.join(to, 'model.onnx'));
      continue;
    }
    cpSync(source, to, { recursive: true });
    const manifest = path.join(to, 'model.yaml');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(/^name: .*$/m, `name: ${name}`));
  }
  return folder;
}

function requestFor(work: Small, index: number): Request {
  if (work === 'mlp') {
    const request = v2Request(work, 'json');
    return { ...request, path: request.path.replace(`/${work}/`, `/${nameOf(work, index)}/`) };
  }
  const { path: at, headers, body } = nativeRequest(work);
  return { path: at, headers, body: Buffer.from(JSON.stringify({ modelName: nameOf(work, index), ...(JSON.parse(body.toString()) as object) })) };
}

/** Calls without a pause over every lane for so long. @returns good answers. @throws Error with the first answer that was not good */
async function answersIn(lanes: readonly Lane[], seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let answers = 0;
  let bad: string | undefined;
  const drive = (lane: Lane): Promise<void> => new Promise((resolve) => {
    const next = (): void => lane.send((wrong) => {
      bad ??= wrong;
      answers += 1;
      if (bad !== undefined || performance.now() >= end) resolve();
      else next();
    });
    next();
  });
  await Promise.all(lanes.map(drive));
  if (bad !== undefined) throw new Error(bad);
  return answers;
}

async function measure(work: Small, count: number, { settings, scratch, note }: Bench): Promise<Many> {
  const folder = copies(work, count, scratch);
  const served = await serveSlipway({ work, model: folder, scratch, threads: 0 });
  try {
    const own = Math.ceil(LANES / count);
    const lanes = (await Promise.all(Array.from({ length: count }, (_, index) => httpLanes({ port: served.port, ...requestFor(work, index) }, own)))).flat();
    await answersIn(lanes, settings.warmup);
    const rate = (await answersIn(lanes, settings.seconds)) / settings.seconds;
    const found = { work, models: count, readyMs: served.readyMs, rssMib: rssMib(served.pid), threads: threadsOf(served.pid), rate };
    note(`${String(count)} x ${work}: ready after ${found.readyMs.toFixed(0)} ms, ${found.rssMib.toFixed(0)} MiB, ${String(found.threads)} threads, ${rate.toFixed(0)} calls/s`);
    return found;
  } finally {
    await served.stop();
  }
}

export async function manyModels(bench: Bench): Promise<Many[]> {
  const all: Many[] = [];
  for (const work of WORKS) for (const count of COUNTS) all.push(await measure(work, count, bench));
  return all;
}
