// slipway-fetch: the init container that brings a model package to the models mount. Owns the process around the work:
// signals, deadline, exit status and the termination message that the operator reads.
import { writeFileSync } from 'node:fs';
import type { TerminationReport } from '@slipway/api';
import { readConfig } from './config.ts';
import type { FetchConfig } from './config.ts';
import { FAILURES, FetchError, failureOf } from './failures.ts';
import { fetchPackage } from './fetch.ts';
import { bytesText, progressOf, serveProgress } from './progress.ts';
import type { Progress } from './progress.ts';
import { withoutSecrets } from './storage-uri.ts';

/** Kubernetes cuts a termination message at 4096 bytes. */
const MAX_MESSAGE = 3500;

const log = (line: string): void => {
  process.stdout.write(`fetch: ${line}\n`);
};

/** What to do is added by who shows it (the operator has a sentence for each reason); the log says it for those who read it here. */
function terminate(error: FetchError, terminationLog: string | undefined): void {
  const message = error.message.slice(0, MAX_MESSAGE);
  const report: TerminationReport = { reason: error.reason, message };
  log(`failed: ${error.reason}: ${message}. ${FAILURES[error.reason].advice}`);
  process.exitCode = 1;
  try {
    writeFileSync(terminationLog ?? '/dev/termination-log', JSON.stringify(report));
  } catch (failure) {
    log(`no termination message: ${(failure as Error).message}`);
  }
}

/** Aborts when a whole deadline has brought no byte, and when Kubernetes asks us to stop. A large package may take its time. */
function stopSignal(deadlineMs: number, progress: Progress): AbortSignal {
  const stop = new AbortController();
  const late = new FetchError('DownloadTimeout', `nothing arrived within the deadline of ${String(deadlineMs / 1000)} s`);
  const check = (before: number): void => {
    const { bytesDone } = progress.report();
    if (bytesDone > before) wait(bytesDone);
    else stop.abort(late);
  };
  const wait = (before: number): void => void setTimeout(check, deadlineMs, before).unref();
  wait(0);
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.once(name, () => { stop.abort(new FetchError('DownloadInterrupted', `stopped by ${name}`)); });
  }
  return stop.signal;
}

async function run(config: FetchConfig): Promise<void> {
  const progress = progressOf(() => performance.now(), log);
  const server = serveProgress(progress, config.progressPort, log);
  const started = performance.now();
  log(`${withoutSecrets(config.storageUri)} -> ${config.destination}`);
  try {
    const attempts = { signal: stopSignal(config.deadlineMs, progress), progress, log, random: Math.random, backoffMs: 500, maxBackoffMs: 15_000, maxFruitless: 8 };
    const fetched = await fetchPackage(config, attempts);
    log(`done: ${bytesText(fetched.bytes)} in ${((performance.now() - started) / 1000).toFixed(1)} s, digest ${fetched.digest}`);
  } catch (error) {
    const failure = failureOf(error, withoutSecrets(config.storageUri));
    progress.failed(failure, 'end');
    terminate(failure, config.terminationLog);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

try {
  await run(readConfig(process.env));
} catch (error) {
  terminate(new FetchError('ConfigInvalid', (error as Error).message), process.env['TERMINATION_LOG']);
}
