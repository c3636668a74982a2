// Owns which version of the API a caller speaks: the path, ?version=v2, Accept-Version: v2, else the cookie of its first call,
// else 1. No server state: the cookie is the memory.
import { InferenceError } from '../../inference/errors.ts';
import type { Asked } from './asked.ts';
import type { ApiVersion } from './codec.ts';

const COOKIE = 'slipway-api-version';

/** @throws InferenceError malformed_request for a version there is not, in either place */
export function apiVersionOf(asked: Asked, fixed: ApiVersion | undefined): ApiVersion {
  if (fixed !== undefined) return fixed;
  const [query, header] = [asked.query('version'), asked.header('accept-version')].map((version) => (version === undefined ? undefined : parse(version)));
  return query ?? header ?? cookieOf(asked) ?? 1;
}

/** The field that an answer says it with. The consumer's first call decides; later ones do not change it. */
export function rememberedVersion(asked: Asked, version: ApiVersion): Record<string, string> {
  return cookieOf(asked) === undefined ? { 'set-cookie': `${COOKIE}=${String(version)}; Path=/; SameSite=Lax; HttpOnly` } : {};
}

function parse(asked: string): ApiVersion {
  const digits = /^v?([12])$/i.exec(asked.trim())?.[1];
  if (digits === undefined) {
    throw new InferenceError('malformed_request', `There is no API version ${asked.slice(0, 20)}; there are v1 and v2.`, { errors: [{ path: 'version', expected: 'v1 or v2', got: asked.slice(0, 20) }] });
  }
  return Number(digits) as ApiVersion;
}

const IN_COOKIES = new RegExp(`(?:^|;\\s*)${COOKIE}=([12])(?:;|$)`);

function cookieOf(asked: Asked): ApiVersion | undefined {
  const value = IN_COOKIES.exec(asked.header('cookie') ?? '')?.[1];
  return value === undefined ? undefined : (Number(value) as ApiVersion);
}
