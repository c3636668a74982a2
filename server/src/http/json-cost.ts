// Owns the estimate of what a JSON body takes in memory once parsed. PURE. JSON.parse cannot be stopped half-way and V8 ends the
// whole process when a heap bursts inside it, so a body is weighed by its bytes first.

const COMMA = 0x2c;
const QUOTE = 0x22;
const BRACKET = 0x5b;
const BRACE = 0x7b;

/** Bytes per value, per list or object, and per string, measured on V8 and rounded up. */
const PER_VALUE = 32;
const PER_CONTAINER = 96;
const PER_STRING = 24;
/** The body as bytes and as text. */
const PER_BYTE = 3;

/** Upper estimate in bytes; marks inside strings are counted too. */
export function jsonCost(body: Uint8Array): number {
  let values = 0;
  let containers = 0;
  let quotes = 0;
  for (let index = 0; index < body.length; index++) {
    const byte = body[index];
    if (byte === COMMA) values += 1;
    else if (byte === BRACKET || byte === BRACE) containers += 1;
    else if (byte === QUOTE) quotes += 1;
  }
  return body.length * PER_BYTE + values * PER_VALUE + containers * PER_CONTAINER + (quotes / 2) * PER_STRING;
}
