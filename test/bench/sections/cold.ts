// The section that starts the server with the sentiment model: its package local, with the page cache warm and empty; again with what the
// start before compiled, as a container that is restarted in its pod; and after a download, as a pod does it. A start ends when the server
// says that it is ready.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { serveSlipway } from '../contenders.ts';
import { filesBelow, storeWith } from '../object-store.ts';
import type { Cold } from '../results.ts';
import { taskOf, type Bench } from './load.ts';

/** Whether this machine lets us empty its page cache. */
function emptyPageCache(): boolean {
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '3');
    return true;
  } catch {
    return false;
  }
}

interface Round {
  warm: number;
  first: number;
  again: number;
  download: number;
  after: number;
  empty?: number;
}

/**
 * From the start of the process to ready. The kinds take turns, so that drift of the machine hits all alike. A pod has two steps, one
 * after the other: slipway-fetch brings the package from S3, then the server starts on what it left.
 */
export async function coldStarts(bench: Bench): Promise<Cold[]> {
  const { settings, scratch, note } = bench;
  const task = taskOf('sentiment', scratch);
  for (const file of filesBelow(task.model)) readFileSync(file);
  const emptyFolder = (): string => mkdtempSync(path.join(scratch, 'compiled-'));
  const start = async (model = task.model, compiled?: string): Promise<number> => {
    const served = await serveSlipway({ ...task, model }, [], compiled === undefined ? {} : { COMPILE_CACHE: compiled });
    await served.stop();
    return served.readyMs;
  };
  const canEmpty = settings.emptyPageCache && emptyPageCache();
  if (!canEmpty) note('no figure with an empty page cache: --empty-page-cache empties that of the whole machine, which needs root');
  const store = await storeWith(task.model, scratch, note);
  const rounds: Round[] = [];
  try {
    await start();
    for (let round = 0; round < settings.rounds; round++) {
      await store.download(); // its program may have left the page cache
      const { folder, ms: download } = await store.download();
      const compiled = emptyFolder();
      const [warm, first, again] = [await start(), await start(task.model, compiled), await start(task.model, compiled)];
      rounds.push({ warm, first, again, download, after: await start(folder), ...(canEmpty ? { empty: await startCold(start) } : {}) });
    }
  } finally {
    await store.stop();
  }
  const kind = (what: string, of: (round: Round) => number | undefined): Cold => ({ what, ms: rounds.flatMap((round) => of(round) ?? []) });
  return [
    kind('page cache warm', (round) => round.warm),
    kind('it keeps what it compiles (COMPILE_CACHE)', (round) => round.first),
    kind('again, with what that one compiled', (round) => round.again),
    ...(canEmpty ? [kind('page cache empty', (round) => round.empty)] : []),
    kind(`download of ${(store.bytes / 1e6).toFixed(1)} MB from S3 on loopback (slipway-fetch)`, (round) => round.download),
    kind('start after it', (round) => round.after),
    kind('download and start', (round) => round.download + round.after),
  ];
}

async function startCold(start: () => Promise<number>): Promise<number> {
  emptyPageCache();
  return start();
}
