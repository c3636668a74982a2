// Owns reading a JSON body. PURE. Like JSON.parse, but a bare NaN or Infinity (which Python's json writes) is read as such, so
// that the data contract can name the place instead of the whole body being refused.
import { InferenceError } from '../inference/errors.ts';

/** @throws InferenceError malformed_request with the parser's words. */
export function parseJson(text: string): unknown {
  if (text.trim() === '') throw new InferenceError('malformed_request', 'The body is empty; JSON was expected.');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const tolerant = quoteNonFinite(text);
    if (tolerant !== undefined) return parseStrictly(tolerant);
    throw malformed(error);
  }
}

function parseStrictly(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw malformed(error);
  }
}

const malformed = (error: unknown): InferenceError => new InferenceError('malformed_request', `The body is not JSON: ${(error as Error).message.slice(0, 200)}`, { cause: error });

/** A string, or one of the three words outside of strings. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?Infinity\b|\bNaN\b/g;

/** The text with bare NaN, Infinity and -Infinity in quotes, or undefined if there are none. */
function quoteNonFinite(text: string): string | undefined {
  let found = false;
  const quoted = text.replace(TOKENS, (token) => {
    if (token.startsWith('"')) return token;
    found = true;
    return `"${token}"`;
  });
  return found ? quoted : undefined;
}
