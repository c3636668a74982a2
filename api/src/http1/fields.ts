// Owns the reading of HTTP/1.1 header fields (RFC 9112 section 5), strictly, for requests and answers alike.
// Must not know what any field means. One pass over the characters without regular expressions: this runs for every message.

/** Names and values in turn, as they came. */
export type FlatFields = string[];

/** Characters of a name. */
const TOKEN = classOf(/[!#$%&'*+\-.^_`|~0-9A-Za-z]/);
/** Characters of a value: visible ones, spaces, tabs and Latin-1. No line break of any kind, no control character. */
const VALUE = classOf(/[\t\x20-\x7e\x80-\xff]/);
const COLON = 58;
const SPACE = 32;
const TAB = 9;
const CRLF = '\r\n';

function classOf(pattern: RegExp): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (pattern.test(String.fromCharCode(code)) ? 1 : 0));
}

const isSpace = (code: number): boolean => code === SPACE || code === TAB;

/** Where the run of characters of the class that begins at `at` ends. */
function runOf(kind: Uint8Array, text: string, at: number): number {
  let end = at;
  while (end < text.length && kind[text.charCodeAt(end)] === 1) end++;
  return end;
}

function valueOf(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

/**
 * Reads the lines of `text`, which is Latin-1 without the empty line at its end, from `from` on, and adds names and values to `into`.
 * -1 if all are fields, else where the first line begins that is none.
 */
export function readFields(text: string, from: number, into: FlatFields): number {
  let at = from;
  while (at < text.length) {
    const colon = runOf(TOKEN, text, at);
    if (colon === at || text.charCodeAt(colon) !== COLON) return at;
    const end = runOf(VALUE, text, colon + 1);
    if (end !== text.length && !text.startsWith(CRLF, end)) return at;
    into.push(text.slice(at, colon), valueOf(text, colon + 1, end));
    at = end + CRLF.length;
  }
  return -1;
}
