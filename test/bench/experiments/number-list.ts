// Owns reading a JSON list of numbers straight from the bytes of a body into a typed array. PURE. Exactly what JSON.parse gives, or
// nothing: whatever is unusual (another kind of element, ragged lists, bad syntax) is left to it.

/** Numbers of nested lists of equal length, row-major. */
export class NumberBlock {
  readonly shape: readonly number[];
  readonly data: Float64Array;

  constructor(shape: readonly number[], data: Float64Array) {
    this.shape = shape;
    this.data = data;
  }
}

export interface FoundBlock {
  block: NumberBlock;
  /** Where the list ends: the byte behind its last bracket. */
  end: number;
}

const TAB = 0x09;
const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const COMMA = 0x2c;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const OPEN = 0x5b;
const CLOSE = 0x5d;
/** `e` with the bit of small letters set, so that both cases are one. */
const EXPONENT = 0x65;
const SMALL = 0x20;

const MAX_RANK = 8;
/** Digits that a double holds without loss, and powers of ten that it does: one division or product of the two is rounded once. */
const EXACT_DIGITS = 15;
const EXACT_POWERS = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${String(power)}`));
const MAX_EXACT_POWER = 22;
/** A number and its comma take at least this many bytes; the array never grows then. */
const BYTES_PER_NUMBER = 2;

/**
 * Reads the list that begins at `from`.
 * @returns undefined where JSON.parse has to look
 */
export function readNumberList(bytes: Uint8Array, from: number): FoundBlock | undefined {
  const reader = new Reader(bytes, from);
  return reader.read();
}

class Reader {
  readonly #bytes: Uint8Array;
  #at: number;
  #data: Float64Array;
  #count = 0;
  /** Lengths of the lists by depth, as the first of each depth had it; -1 while it is open. */
  readonly #shape: number[] = [];
  /** Elements so far of the open lists. */
  readonly #lengths: number[] = [];
  /** Depth of the numbers, once one was seen. */
  #rank = 0;

  constructor(bytes: Uint8Array, from: number) {
    this.#bytes = bytes;
    this.#at = from;
    this.#data = new Float64Array(Math.min(1024, Math.ceil((bytes.length - from) / BYTES_PER_NUMBER)));
  }

  read(): FoundBlock | undefined {
    do {
      if (!this.#openLists() || !this.#numbers() || !this.#closeLists()) return undefined;
    } while (this.#lengths.length > 0);
    return { block: new NumberBlock(this.#shape, this.#data.slice(0, this.#count)), end: this.#at };
  }

  /** Brackets that open, down to a list of numbers. */
  #openLists(): boolean {
    while (this.#peek() === OPEN) {
      this.#at += 1;
      this.#lengths.push(0);
      if (this.#lengths.length > MAX_RANK) return false;
      if (this.#shape.length < this.#lengths.length) this.#shape.push(-1);
    }
    if (this.#rank === 0) this.#rank = this.#lengths.length;
    return this.#rank > 0 && this.#lengths.length === this.#rank;
  }

  /** The numbers of one innermost list, up to its closing bracket. */
  #numbers(): boolean {
    const first = this.#count;
    for (;;) {
      this.#peek();
      if (!this.#number()) return false;
      const next = this.#peek();
      if (next !== COMMA) {
        this.#lengths[this.#lengths.length - 1] = this.#count - first;
        return next === CLOSE;
      }
      this.#at += 1;
    }
  }

  /** Brackets that close, and the comma before the next list. */
  #closeLists(): boolean {
    while (this.#peek() === CLOSE) {
      this.#at += 1;
      const depth = this.#lengths.length - 1;
      const length = this.#lengths.pop();
      if (this.#shape[depth] === -1) this.#shape[depth] = length ?? 0;
      else if (this.#shape[depth] !== length) return false;
      if (depth === 0) return true;
      this.#lengths[depth - 1] = (this.#lengths[depth - 1] ?? 0) + 1;
    }
    if (this.#bytes[this.#at] !== COMMA) return false;
    this.#at += 1;
    return this.#peek() === OPEN;
  }

  /** The next byte that is no white space; 0 at the end. */
  #peek(): number {
    const bytes = this.#bytes;
    let at = this.#at;
    let byte = bytes[at] ?? 0;
    while (byte === SPACE || byte === LINE_FEED || byte === RETURN || byte === TAB) byte = bytes[++at] ?? 0;
    this.#at = at;
    return byte;
  }

  /** One number of JSON's grammar. */
  #number(): boolean {
    const bytes = this.#bytes;
    const from = this.#at;
    let at = from;
    const negative = bytes[at] === MINUS;
    if (negative) at += 1;
    let mantissa = 0;
    let power = 0;
    const integer = at;
    let digit = (bytes[at] ?? 0) - ZERO;
    while (digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      digit = (bytes[++at] ?? 0) - ZERO;
    }
    let digits = at - integer;
    if (digits === 0 || (digits > 1 && bytes[integer] === ZERO)) return false;
    if (bytes[at] === DOT) {
      const fraction = ++at;
      digit = (bytes[at] ?? 0) - ZERO;
      while (digit >= 0 && digit <= 9) {
        mantissa = mantissa * 10 + digit;
        digit = (bytes[++at] ?? 0) - ZERO;
      }
      power = fraction - at;
      if (power === 0) return false;
      digits -= power;
    }
    if (((bytes[at] ?? 0) | SMALL) === EXPONENT) {
      this.#at = at;
      const exponent = this.#exponent();
      if (exponent === undefined) return false;
      at = this.#at;
      power += exponent;
    }
    const exact = digits <= EXACT_DIGITS && power <= MAX_EXACT_POWER && power >= -MAX_EXACT_POWER;
    this.#at = at;
    this.#put(exact ? scaled(negative ? -mantissa : mantissa, power) : Number(textOf(bytes, from, at)));
    return true;
  }

  #exponent(): number | undefined {
    const bytes = this.#bytes;
    let at = this.#at + 1;
    const sign = bytes[at];
    if (sign === MINUS || sign === PLUS) at += 1;
    const from = at;
    let value = 0;
    let digit = (bytes[at] ?? 0) - ZERO;
    while (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      digit = (bytes[++at] ?? 0) - ZERO;
    }
    this.#at = at;
    if (at === from) return undefined;
    return sign === MINUS ? -value : value;
  }

  #put(value: number): void {
    if (this.#count === this.#data.length) {
      const larger = new Float64Array(this.#data.length * 2);
      larger.set(this.#data);
      this.#data = larger;
    }
    this.#data[this.#count++] = value;
  }
}

const scaled = (mantissa: number, power: number): number => (power < 0 ? mantissa / (EXACT_POWERS[-power] as number) : mantissa * (EXACT_POWERS[power] as number));

function textOf(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let at = from; at < to; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
}
