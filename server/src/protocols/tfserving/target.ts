// Owns which model and version a URL names. PURE.
import { invalid } from './fill.ts';

export type Method = 'predict' | 'classify' | 'regress';

/** At most one of version and label. */
export interface Target {
  name: string;
  /** Digits as they were given. */
  version: string | undefined;
  label: string | undefined;
  /** What the router says that this server's revision is: `stable`, `canary`, `preview` or `previous`. */
  role?: string | undefined;
}

export type Parsed = { kind: 'call'; method: Method; target: Target } | { kind: 'status' | 'metadata'; target: Target };

/** The original looks for these whatever the case of their letters; only the method and `metadata` mean something as they stand alone. */
const CALL = /^\/v1\/models\/([^/:]+)(?:\/versions\/(\d+)|\/labels\/([^/:]+))?:(classify|regress|predict)$/i;
const INFO = /^\/v1\/models(?:\/([^/:]+))?(?:\/versions\/(\d+)|\/labels\/([^/:]+))?(?:\/(metadata))?$/i;
const MAX_INT64 = 2n ** 63n - 1n;

/** @param path without the query @throws InferenceError with TensorFlow Serving's words */
export function parseTarget(httpMethod: string, path: string): Parsed {
  const call = httpMethod === 'POST' ? CALL.exec(path) : null;
  if (call !== null) return { kind: 'call', method: methodOf(call[4] ?? '', `${httpMethod} ${path}`), target: targetOf(call) };
  const info = httpMethod === 'GET' ? INFO.exec(path) : null;
  if (info === null) throw invalid(`Malformed request: ${httpMethod} ${path}`);
  if (info[1] === undefined) throw invalid('Missing model name in request.');
  return { kind: info[4] === 'metadata' ? 'metadata' : 'status', target: targetOf(info) };
}

function methodOf(text: string, request: string): Method {
  if (text === 'predict' || text === 'classify' || text === 'regress') return text;
  throw invalid(`Malformed request: ${request}`);
}

function targetOf([, name = '', version, label]: RegExpExecArray): Target {
  if (version !== undefined && BigInt(version) > MAX_INT64) throw invalid(`Failed to convert version: ${version} to numeric.`);
  return { name: decoded(name, 'name'), version, label: label === undefined ? undefined : decoded(label, 'version label') };
}

function decoded(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`Failed to decode model ${what}:${text}`);
  }
}
