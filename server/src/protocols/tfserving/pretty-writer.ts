// Owns JSON text as TensorFlow Serving's writer lays it out: four spaces of indent, arrays over several lines or on one. PURE.
// Numbers are handed in as text, for their form is decided elsewhere.

const INDENT = '    ';

interface Level {
  array: boolean;
  values: number;
}

/** Where a line may break inside of arrays. */
export type ArrayStyle = 'lines' | 'single-line';

export class PrettyWriter {
  readonly #parts: string[] = [];
  readonly #levels: Level[] = [];
  #bytes = 0;
  /** As in the original, it counts when a value begins and when an array ends. */
  style: ArrayStyle = 'lines';

  startObject(): void {
    this.#open('{', false);
  }

  endObject(): void {
    this.#close('}');
  }

  startArray(): void {
    this.#open('[', true);
  }

  endArray(): void {
    this.#close(']');
  }

  key(name: string): void {
    this.string(name);
  }

  string(text: string): void {
    const json = quoted(text);
    this.raw(json);
    this.#bytes += Buffer.byteLength(json) - json.length;
  }

  /** A value that is JSON already. */
  raw(text: string): void {
    this.#before();
    this.#push(text);
  }

  toString(): string {
    return this.#parts.join('');
  }

  /** Bytes so far, where only strings have letters beyond ASCII; to stop early when only a beginning is wanted. */
  get bytes(): number {
    return this.#bytes;
  }

  #open(bracket: string, array: boolean): void {
    this.raw(bracket);
    this.#levels.push({ array, values: 0 });
  }

  #close(bracket: string): void {
    const level = this.#levels.pop();
    const broken = level !== undefined && level.values > 0 && !(level.array && this.style === 'single-line');
    if (broken) this.#newLine();
    this.#push(bracket);
  }

  #before(): void {
    const level = this.#levels.at(-1);
    if (level === undefined) return;
    if (level.array) this.#beforeItem(level);
    else this.#beforeMember(level);
    level.values += 1;
  }

  #beforeItem(level: Level): void {
    if (level.values > 0) this.#push(this.style === 'single-line' ? ', ' : ',');
    if (this.style === 'lines') this.#newLine();
  }

  #beforeMember(level: Level): void {
    if (level.values % 2 === 1) {
      this.#push(': ');
      return;
    }
    if (level.values > 0) this.#push(',');
    this.#newLine();
  }

  #newLine(): void {
    this.#push(`\n${INDENT.repeat(this.#levels.length)}`);
  }

  #push(text: string): void {
    this.#parts.push(text);
    this.#bytes += text.length;
  }
}

/** A JSON string; escaped control characters have upper-case digits, as the original writes them. */
export function quoted(text: string): string {
  const json = JSON.stringify(text);
  return json.includes('\\u') ? json.replace(/\\\\|\\u[0-9a-f]{4}/g, (escape) => (escape === '\\\\' ? escape : `\\u${escape.slice(2).toUpperCase()}`)) : json;
}
