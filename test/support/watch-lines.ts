// What a faulty proxy does to the lines of a watch: pure but for its memory of a line under way. Must not know HTTP.

export type LineFault = 'truncated' | 'garbled' | 'duplicated' | 'reordered';

/** The lines of one watch, some of them spoilt. */
export class WatchLines {
  mode: LineFault | undefined;
  private readonly struck: () => void;
  private rest = '';
  /** The event that lets the next one pass. */
  private held = '';

  constructor(mode: LineFault | undefined, struck: () => void) {
    this.mode = mode;
    this.struck = struck;
  }

  /** What goes out for what came in, and whether the watch ends with it. */
  take(text: string): { out: string; ends: boolean } {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    let out = '';
    for (const line of lines) {
      out += this.spoil(`${line}\n`);
      if (this.mode === 'truncated') return { out, ends: true };
    }
    return { out, ends: false };
  }

  /** From now on nothing is spoilt. What goes out at once is what was held back. */
  heal(): string {
    const after = this.held;
    this.held = '';
    this.mode = undefined;
    return after;
  }

  private spoil(line: string): string {
    if (this.mode === 'reordered' && this.held === '') {
      this.held = line;
      return '';
    }
    const after = this.held;
    this.held = '';
    if (this.mode === undefined) return after + line;
    this.struck();
    const half = line.slice(0, line.length / 2);
    return { truncated: half, garbled: `${half}\n`, duplicated: line + line, reordered: line + after }[this.mode];
  }
}
