// Owns what can be known about the model version a caller asks for without understanding the request.
// Must not parse bodies: a server that lacks the asked version says so itself (421).
import type { RouteBackend } from '@slipway/api';

/** Order in which the revisions are asked whether they have a version. A preview answers on its own port only. */
const ORDER: readonly RouteBackend['role'][] = ['stable', 'canary', 'previous'];

/** Public backends in the order of asking. */
export function askingOrder(backends: readonly RouteBackend[]): RouteBackend[] {
  return ORDER.flatMap((role) => backends.filter((b) => b.role === role));
}

/** Backends that carry the version by name, the one with the most weight first. */
export function havingVersion(backends: readonly RouteBackend[], version: string): RouteBackend[] {
  return askingOrder(backends).filter((b) => b.modelVersion === version).sort((a, b) => b.weight - a.weight);
}

const BODY_KEY = Buffer.from('"modelVersion"');

/** TensorFlow Serving's URLs may ask for a revision by what it is: `stable` or `canary`. */
export const mayNameRole = (url: string): boolean => url.includes('/labels/');

/**
 * True if the request probably names a model version in its URL or body. Such requests draw from a sequence of their own: half of
 * them land where the version is not and move on, and drawing from the common one they would bend the split of all the others.
 * A wrong guess costs nothing, both sequences split alike. Inside a JSON string the quotes are escaped, so text does not match.
 */
export function mayNameVersion(url: string, body: Buffer | undefined): boolean {
  return url.includes('/versions/') || mayNameRole(url) || (body !== undefined && body.includes(BODY_KEY));
}
