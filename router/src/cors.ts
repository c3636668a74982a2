// Owns cross-origin answers: what a preflight gets and what is added to an answer. Pure; must not know requests beyond the origin.
import type { Cors } from '@slipway/api';
import type { FlatHeaders } from './upstream/exchange.ts';

const DEFAULT_METHODS = ['GET', 'HEAD', 'POST'];
/** What a page may send and read of the native API, raw tensors included. */
const DEFAULT_HEADERS = ['Content-Type', 'Content-Encoding', 'Accept', 'Accept-Version', 'Slipway-Model-Version', 'Slipway-Tensor-Shape', 'Slipway-Tensor-Dtype', 'X-Request-Id', 'traceparent', 'tracestate'];
const DEFAULT_EXPOSE = ['Slipway-Revision', 'Slipway-Model-Version', 'Slipway-Cache', 'Slipway-Tensor-Name', 'Slipway-Tensor-Shape', 'Slipway-Tensor-Dtype', 'X-Request-Id', 'traceparent', 'Retry-After'];

function allowed(cors: Cors, origin: string): boolean {
  return cors.allowOrigins.includes('*') || cors.allowOrigins.includes(origin);
}

/** With credentials the wildcard is not allowed to be said, so the origin is named. */
function originHeaders(cors: Cors, origin: string): FlatHeaders {
  const any = cors.allowOrigins.includes('*') && cors.allowCredentials !== true;
  const headers = ['Access-Control-Allow-Origin', any ? '*' : origin];
  if (!any) headers.push('Vary', 'Origin');
  if (cors.allowCredentials === true) headers.push('Access-Control-Allow-Credentials', 'true');
  return headers;
}

/** Headers added to the answer of an actual request; none if the origin is not allowed. */
export function corsHeaders(cors: Cors | undefined, origin: string | undefined): FlatHeaders {
  if (cors === undefined || origin === undefined || !allowed(cors, origin)) return [];
  return [...originHeaders(cors, origin), 'Access-Control-Expose-Headers', (cors.exposeHeaders ?? DEFAULT_EXPOSE).join(', ')];
}

/** Headers of the answer to a preflight. An origin that is not allowed gets none, which is how browsers are told no. */
export function preflightHeaders(cors: Cors, origin: string): FlatHeaders {
  if (!allowed(cors, origin)) return ['Vary', 'Origin'];
  const headers = originHeaders(cors, origin);
  headers.push('Access-Control-Allow-Methods', (cors.allowMethods ?? DEFAULT_METHODS).join(', '));
  headers.push('Access-Control-Allow-Headers', (cors.allowHeaders ?? DEFAULT_HEADERS).join(', '));
  if (cors.maxAgeSeconds !== undefined) headers.push('Access-Control-Max-Age', String(cors.maxAgeSeconds));
  return headers;
}
