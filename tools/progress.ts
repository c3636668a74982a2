// Shows a person what a command is doing: one line per step with its name, result and time; while it runs, what it is at.
// On a terminal the running line is rewritten, elsewhere (CI) a line is printed now and then. It must not know the steps.

/** Says what a step is doing right now, in a few words. Cheap; may be called often. */
export type Note = (text: string) => void;

/** Prints steps. */
export interface Progress {
  /** Runs one step and prints `name  result  time`; the result is what `work` returns. A failure is printed and thrown on. */
  step: (name: string, work: (note: Note) => Promise<string>) => Promise<void>;
  /** Prints a line of its own. */
  line: (text: string) => void;
}

/** Where the lines go: process.stderr, or a test. */
export interface Output { isTTY?: boolean | undefined; columns?: number | undefined; write: (text: string) => unknown }

const NAME_WIDTH = 13;
const TERMINAL_REFRESH_MS = 500;
const LOG_EVERY_MS = 10_000;
const LOG_WIDTH = 200;

/** `12.3 s`, or `2 min 05 s` from a minute on. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}

/** A progress display on `output`. */
export function createProgress(output: Output): Progress {
  return {
    line: (text) => void output.write(`${text}\n`),
    step: async (name, work) => {
      const running = showRunning(output, name);
      try {
        running.end(await work(running.note));
      } catch (error) {
        running.end('failed');
        throw error;
      }
    },
  };
}

function showRunning(output: Output, name: string): { note: Note; end: (result: string) => void } {
  const started = performance.now();
  const label = name.padEnd(NAME_WIDTH);
  const elapsed = (): string => formatDuration(performance.now() - started);
  let doing = '';
  const show = (): void => {
    if (output.isTTY) output.write(`\r\u001b[2K${`${label} ${doing} (${elapsed()})`.slice(0, (output.columns || 100) - 1)}`);
    else output.write(`${label} ... ${shorten(doing)} (${elapsed()})\n`);
  };
  const timer = setInterval(show, output.isTTY ? TERMINAL_REFRESH_MS : LOG_EVERY_MS);
  return {
    note: (text) => { doing = text; },
    end: (result) => {
      clearInterval(timer);
      output.write(`${output.isTTY ? '\r\u001b[2K' : ''}${label} ${result}  (${elapsed()})\n`);
    },
  };
}

function shorten(text: string): string {
  return text.length <= LOG_WIDTH ? text : `${text.slice(0, LOG_WIDTH)}…`;
}
