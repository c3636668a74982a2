// Builds the short way for plain requests (docs/adr/0013): the one visible list of the routes that are on it. Everything else, and all that is
// out of the ordinary with these, is for the application of app.ts.
import type { Socket } from 'node:net';
import { protocolContext, type AppOptions } from './app.ts';
import { KEEP_ALIVE_MS } from './http/listener.ts';
import { PlainConnections } from './http/plain/connections.ts';
import { plainExchange } from './http/plain/exchange.ts';
import { plainNative } from './protocols/native/routes.ts';
import { plainTfServing } from './protocols/tfserving/routes.ts';
import { plainV2 } from './protocols/v2/routes.ts';

/** As Node's server has it. */
const MAX_HEADER_BYTES = 16 * 1024;
/** Larger bodies are admitted against the memory budget before they are read, and are rare enough for Node's server. */
const MAX_BODY_BYTES = 64 * 1024;

export function buildPlain(options: AppOptions): (notPlain: (socket: Socket) => void) => PlainConnections {
  const { config, parts, drain } = options;
  const context = protocolContext(options);
  const [native, v2] = [plainNative({ context, bodies: parts.bodies }), plainV2(context, parts.v2)];
  const serving = config.V1_DIALECT === 'tfserving' ? plainTfServing({ context, ...parts.tfserving }) : undefined;
  const take = plainExchange({
    revision: config.REVISION,
    origins: config.BEHIND_ROUTER ? [] : config.CORS_ORIGINS,
    access: parts.access,
    failed: (error, requestId) => {
      parts.log.error({ err: error.cause ?? error, reqId: requestId }, 'call failed');
    },
    route: (target) => native(target) ?? v2(target) ?? serving?.(target),
  });
  const open = (): boolean => drain.state === 'serving'; // then Node's server tells callers to leave
  const maxBodyBytes = Math.min(MAX_BODY_BYTES, config.MAX_BODY_BYTES);
  return (notPlain) => new PlainConnections({ open, take, notPlain, maxHeaderBytes: MAX_HEADER_BYTES, maxBodyBytes, idleMs: KEEP_ALIVE_MS });
}
