// Owns reading JSON as TensorFlow Serving reads it: bare NaN and Infinity, nothing looked at after the root value, errors that name the
// byte. PURE. JSON.parse cannot be used where an integer must be told from a decimal, or keeps more than 53 bits.

/** A text that is no JSON; the message is the parser's, with the offset. */
export class JsonParseError extends Error {
  override readonly name = 'JsonParseError';
}

/** An integer literal is a bigint: always, or where a number would lose digits. */
export type Integers = 'always-bigint' | 'large-bigint';

export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [name: string]: JsonValue;
}

const MAX_DEPTH = 200;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
/** At the start of a body these are to the original as if there were nothing. */
const NO_BEGIN = new Set([']', '}', ',', ':']);
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const SPACE = /[ \t\n\r]*/y;
const ESCAPES: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** @throws JsonParseError */
export function readJson(text: string, integers: Integers): JsonValue {
  const reader = new Reader(text, integers);
  return reader.root();
}

class Reader {
  readonly #text: string;
  readonly #integers: Integers;
  #at = 0;
  #depth = 0;

  constructor(text: string, integers: Integers) {
    this.#text = text;
    this.#integers = integers;
  }

  /** A byte order mark in front is looked over. */
  root(): JsonValue {
    this.#took('\uFEFF');
    this.#skip();
    if (this.#at >= this.#text.length || NO_BEGIN.has(this.#text[this.#at] ?? '')) throw this.#error('The document is empty.');
    return this.#value();
  }

  #value(): JsonValue {
    switch (this.#text[this.#at]) {
      case '{':
        return this.#nested(() => this.#object());
      case '[':
        return this.#nested(() => this.#array());
      case '"':
        return this.#string();
      case 't':
        this.#word('true');
        return true;
      case 'f':
        this.#word('false');
        return false;
      case 'n':
        this.#word('null');
        return null;
      default:
        return this.#number();
    }
  }

  #nested<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw this.#error(`Nested deeper than ${String(MAX_DEPTH)} levels.`);
    this.#at += 1;
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #array(): JsonValue[] {
    const list: JsonValue[] = [];
    this.#skip();
    if (this.#took(']')) return list;
    for (;;) {
      list.push(this.#value());
      this.#skip();
      if (this.#took(']')) return list;
      if (!this.#took(',')) throw this.#error('Missing a comma or \']\' after an array element.');
      this.#skip();
    }
  }

  /** Of equal names the first counts in the root, as in the original; deeper the last, as examples have it there and JSON.parse everywhere. */
  #object(): JsonObject {
    const members: JsonObject = {};
    this.#skip();
    if (this.#took('}')) return members;
    for (;;) {
      if (this.#text[this.#at] !== '"') throw this.#error('Missing a name for object member.');
      const name = this.#string();
      this.#skip();
      if (!this.#took(':')) throw this.#error('Missing a colon after a name of object member.');
      this.#skip();
      const value = this.#value();
      if (this.#depth > 1 || !Object.hasOwn(members, name)) define(members, name, value);
      this.#skip();
      if (this.#took('}')) return members;
      if (!this.#took(',')) throw this.#error('Missing a comma or \'}\' after an object member.');
      this.#skip();
    }
  }

  #string(): string {
    this.#at += 1;
    let value = '';
    for (;;) {
      value += this.#match(PLAIN);
      if (this.#took('"')) return value;
      if (!this.#took('\\')) throw this.#error(this.#at >= this.#text.length ? 'Missing a closing quotation mark in string.' : 'Invalid escape character in string.');
      value += this.#escape();
    }
  }

  /** Errors name the place of the backslash. */
  #escape(): string {
    const from = this.#at - 1;
    const letter = this.#text[this.#at] ?? '';
    const simple = ESCAPES[letter];
    if (simple !== undefined) {
      this.#at += 1;
      return simple;
    }
    if (letter !== 'u') throw this.#error('Invalid escape character in string.', from);
    this.#at += 1;
    const unit = this.#hex(from);
    const pair = isHigh(unit) && this.#took('\\') && this.#took('u') ? unit + this.#hex(from) : unit;
    if (!pair.isWellFormed()) throw this.#error('The surrogate pair in string is invalid.', from);
    return pair;
  }

  /** The code unit that four digits name. */
  #hex(from: number): string {
    const digits = this.#text.slice(this.#at, this.#at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#error('Incorrect hex digit after \\u escape in string.', from);
    this.#at += 4;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  #number(): number | bigint {
    NUMBER.lastIndex = this.#at;
    const from = this.#at;
    const found = NUMBER.exec(this.#text);
    if (found === null) return this.#special();
    const [literal, fraction, exponent] = found;
    this.#at += literal.length;
    const value = Number(literal);
    if (!Number.isFinite(value)) throw this.#error('Number too big to be stored in double.', from);
    const integer = fraction === undefined && exponent === undefined;
    if (exponent === undefined) this.#checkEnd(integer);
    return integer && (this.#integers === 'always-bigint' || !Number.isSafeInteger(value)) ? BigInt(literal) : value;
  }

  /** NaN and Infinity, which may be short. */
  #special(): number {
    const sign = this.#took('-') ? -1 : 1;
    if (this.#text[this.#at] !== 'I') {
      this.#word('NaN');
      return Number.NaN;
    }
    this.#word('Inf');
    if (this.#text[this.#at] === 'i') this.#word('inity');
    return sign * Number.POSITIVE_INFINITY;
  }

  /** A fraction or exponent that has begun and has no digits. */
  #checkEnd(integer: boolean): void {
    if (integer && this.#took('.')) throw this.#error('Miss fraction part in number.');
    if (!this.#took('e') && !this.#took('E')) return;
    if (!this.#took('+')) this.#took('-');
    throw this.#error('Miss exponent in number.');
  }

  /** Errors name the place of the first letter that is another. */
  #word(word: string): void {
    for (const letter of word) if (!this.#took(letter)) throw this.#error('Invalid value.');
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #skip(): void {
    this.#match(SPACE);
  }

  #took(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  /** The offset counts bytes of UTF-8, as the original does. */
  #error(what: string, at = this.#at): JsonParseError {
    return new JsonParseError(`${what} at offset: ${String(Buffer.byteLength(this.#text.slice(0, at)))}`);
  }
}

const isHigh = (unit: string): boolean => unit >= '\uD800' && unit <= '\uDBFF';

/** `__proto__` is a name like any other. */
function define(members: JsonObject, name: string, value: JsonValue): void {
  if (name === '__proto__') Object.defineProperty(members, name, { value, enumerable: true, configurable: true, writable: true });
  else members[name] = value;
}
