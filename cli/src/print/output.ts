// Owns what reaches the person: lines with or without colour, JSON or YAML, and redrawing in place. Must not know Kubernetes.
import { dump } from 'js-yaml';
import { plain } from '../view/text.ts';
import type { Line, Tone } from '../view/text.ts';

export type Format = 'json' | 'yaml';

/** A stream as far as it is used; process.stdout is one. */
export interface Stream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
  rows?: number;
}

export interface Output {
  /** Characters of a line at most. */
  readonly width: number;
  /** A person watches: drawing again costs nothing. */
  readonly live: boolean;
  lines(lines: readonly Line[]): void;
  /** Text as it is, such as a log. */
  text(text: string): void;
  object(value: unknown, format: Format): void;
  /** A remark that is no result. */
  note(text: string): void;
  /** Shows lines in the place of those drawn before; without a terminal, below them and only if they changed. */
  draw(lines: readonly Line[]): void;
}

const ESCAPE = '\u001B[';
const COLOURS: Readonly<Record<Tone, string>> = { plain: '', good: '32', bad: '31', warn: '33', busy: '36', quiet: '2', strong: '1' };
/** Without a terminal: what 80 columns hold. */
const WIDTH = 80;

const painted = (spans: Line): string => spans.map(({ text, tone }) => (COLOURS[tone] === '' ? text : `${ESCAPE}${COLOURS[tone]}m${text}${ESCAPE}0m`)).join('');

/** Output on two streams. Colour needs a terminal and the person's consent. */
export function createOutput(stdout: Stream, stderr: Stream, env: Readonly<Record<string, string | undefined>>): Output {
  const terminal = stdout.isTTY === true;
  const render = terminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb' ? painted : plain;
  const write = (lines: readonly Line[]): void => void stdout.write(lines.map((each) => `${render(each)}\n`).join(''));
  return {
    // A terminal that does not know its size says 0.
    width: terminal && (stdout.columns ?? 0) > 0 ? (stdout.columns ?? WIDTH) : WIDTH,
    live: terminal,
    lines: write,
    text: (text) => void stdout.write(text),
    object: (value, format) => void stdout.write(format === 'json' ? `${JSON.stringify(value, null, 2)}\n` : dump(JSON.parse(JSON.stringify(value)), { noRefs: true })),
    note: (text) => void stderr.write(`${text}\n`),
    draw: terminal ? drawer(stdout, write) : printer(write),
  };
}

/** Moves up over what it drew and writes over it; what does not fit the screen is left out, because it could not be drawn over. */
function drawer(stdout: Stream, write: (lines: readonly Line[]) => void): Output['draw'] {
  let drawn = 0;
  return (lines) => {
    const shown = lines.slice(0, Math.max(1, (stdout.rows ?? 25) - 1));
    stdout.write(drawn === 0 ? '' : `${ESCAPE}${drawn}A${ESCAPE}J`);
    write(shown);
    drawn = shown.length;
  };
}

function printer(write: (lines: readonly Line[]) => void): Output['draw'] {
  let last: string | undefined;
  return (lines) => {
    const text = lines.map(plain).join('\n');
    if (text === last) return;
    write(last === undefined ? lines : [[], ...lines]);
    last = text;
  };
}
