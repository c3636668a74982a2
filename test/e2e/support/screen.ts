// Owns a terminal's screen as far as the plugin uses one: lines, wrapping, and moving up and clearing downwards. Must not know what is drawn.

const ESCAPES = /\u001B\[(\d*)([A-Za-z])|\r|\n|[^\u001B\r\n]/gu;

export class Screen {
  readonly #columns: number;
  #lines: string[] = [''];
  #row = 0;
  #column = 0;
  /** Times that something was drawn over. */
  redrawn = 0;
  /** Characters that did not fit their line. */
  wrapped = 0;

  constructor(columns: number) {
    this.#columns = columns;
  }

  /** What a person would see after these bytes. */
  static after(text: string, columns: number): Screen {
    const screen = new Screen(columns);
    for (const [all, count = '', command = ''] of text.matchAll(ESCAPES)) screen.#take(all, command, Number(count || '1'));
    return screen;
  }

  /** Lines without trailing blanks. */
  get lines(): string[] {
    return this.#lines.map((each) => each.trimEnd());
  }

  #take(all: string, command: string, count: number): void {
    if (command === 'A') this.#up(count);
    else if (command === 'J') this.#lines.splice(this.#row, this.#lines.length, '');
    else if (command !== '') return;
    else if (all === '\r') this.#column = 0;
    else if (all === '\n') this.#down();
    else this.#write(all);
  }

  #up(count: number): void {
    this.#row -= count;
    this.redrawn += 1;
    if (this.#row < 0) throw new Error(`drawn over ${-this.#row} lines above its own`);
  }

  #down(): void {
    this.#row += 1;
    this.#lines[this.#row] ??= '';
  }

  #write(character: string): void {
    if (this.#column >= this.#columns) {
      this.wrapped += 1;
      this.#column = 0;
      this.#down();
    }
    const line = [...(this.#lines[this.#row] ?? '').padEnd(this.#column)];
    line[this.#column] = character;
    this.#lines[this.#row] = line.join('');
    this.#column += 1;
  }
}
