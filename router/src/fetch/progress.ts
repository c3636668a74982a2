// Owns what is known about the download while it runs: for the operator (GET /progress), and as lines for people.
// Must not know where the bytes come from.
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { FetchProgress } from '@slipway/api';

export type Phase = FetchProgress['phase'];

export interface Progress {
  enter(phase: Phase): void;
  /** Sets what is on the disk already and what it will be, in bytes, total where known. */
  expect(done: number, total: number | undefined): void;
  /** Sets the size of it all, learned on the way. */
  total(bytes: number | undefined): void;
  /** Counts bytes that arrived; less than 0 when some have to be fetched again. */
  add(bytes: number): void;
  failed(error: { reason: string; message: string }, next: 'retry' | 'end'): void;
  report(): FetchProgress;
}

const LOG_EVERY_MS = 2000;
/** The rate is of about the last five seconds. */
const RATE_WINDOW_MS = 5000;

export function progressOf(now: () => number, log: (line: string) => void): Progress {
  const state: FetchProgress = { phase: 'Connecting', bytesDone: 0, bytesPerSecond: 0, attempt: 1 };
  const rate = rateMeter(now);
  let logged = now();

  const tick = (): void => {
    state.bytesPerSecond = rate.perSecond() ?? state.bytesPerSecond;
    if (now() - logged < LOG_EVERY_MS) return;
    logged = now();
    log(describe(state));
  };

  return {
    enter: (phase) => {
      if (phase === state.phase) return;
      state.phase = phase;
      if (phase !== 'Downloading') state.bytesPerSecond = 0;
    },
    expect: (done, total) => {
      state.bytesDone = done;
      if (total === undefined) delete state.bytesTotal;
      else state.bytesTotal = total;
      rate.restart();
    },
    total: (bytes) => {
      if (bytes !== undefined) state.bytesTotal = bytes;
    },
    add: (bytes) => {
      state.bytesDone += bytes;
      if (bytes > 0) delete state.lastReason;
      rate.add(bytes);
      tick();
    },
    failed: ({ reason, message }, next) => {
      state.lastError = message;
      state.lastReason = reason;
      if (next === 'retry') state.attempt++;
      else state.phase = 'Failed';
    },
    report: () => ({ ...state, bytesPerSecond: rate.isSilent() ? 0 : state.bytesPerSecond }),
  };
}

interface RateMeter {
  add(bytes: number): void;
  restart(): void;
  /** Undefined until there is enough to tell by. */
  perSecond(): number | undefined;
  /** No byte has arrived for so long that the last rate says nothing any more. */
  isSilent(): boolean;
}

function rateMeter(now: () => number): RateMeter {
  let window = { since: now(), bytes: 0 };
  let heard = now();
  const restart = (): void => {
    window = { since: now(), bytes: 0 };
  };
  return {
    restart,
    add: (bytes) => {
      window.bytes += bytes;
      heard = now();
    },
    isSilent: () => now() - heard >= RATE_WINDOW_MS,
    perSecond: () => {
      const { since, bytes } = window;
      const passed = now() - since;
      if (passed < RATE_WINDOW_MS / 5) return undefined;
      if (passed >= RATE_WINDOW_MS) restart();
      return Math.round((bytes / passed) * 1000);
    },
  };
}

/** Bytes for people: 12.3 MiB. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${(bytes / 1024 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step] ?? ''}`;
}

function describe({ phase, bytesDone, bytesTotal, bytesPerSecond }: FetchProgress): string {
  const share = bytesTotal === undefined || bytesTotal === 0 ? '' : ` of ${bytesText(bytesTotal)} (${String(Math.floor((100 * bytesDone) / bytesTotal))} %)`;
  return `${phase.toLowerCase()}: ${bytesText(bytesDone)}${share}, ${bytesText(bytesPerSecond)}/s`;
}

/** Serves `GET /progress`. Without its port the download goes on all the same. */
export function serveProgress(progress: Progress, port: number, log: (line: string) => void): Server {
  const server = createServer((request, response) => {
    const found = request.method === 'GET' && request.url === '/progress';
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
    response.end(found ? JSON.stringify(progress.report()) : '{}');
  });
  server.on('error', (error) => {
    log(`progress is not served: ${error.message}`);
  });
  server.listen(port);
  server.unref();
  return server;
}
