// Builds the gRPC side of the server: the one visible list of its services.
import type { AppOptions } from './app.ts';
import { protocolContext } from './app.ts';
import { healthMethods } from './protocols/grpc/health.ts';
import { grpcHandler, type GrpcHandler } from './protocols/grpc/server.ts';
import type { Methods } from './protocols/grpc/service.ts';
import { modelReady } from './protocols/protocol.ts';
import { v2Methods } from './protocols/v2/grpc.ts';
import { tfServingMethods } from './protocols/tfserving/grpc.ts';

export function buildGrpc(options: AppOptions): GrpcHandler {
  const { config, parts, drain, ready } = options;
  const context = protocolContext(options);
  const services: Methods = {
    ...v2Methods({ context, bodies: parts.v2 }),
    ...tfServingMethods({ context, ...parts.tfserving }),
  };
  const health = healthMethods({ ready, modelReady: (name) => modelReady(context, name), services: namesOf(services) });
  return grpcHandler({
    methods: { ...services, ...health },
    maxMessageBytes: config.MAX_BODY_BYTES,
    revision: config.REVISION,
    drain: () => drain.state,
    admit: (bytes) => parts.memory.admit(bytes),
    access: parts.access,
    failed: (error, requestId) => {
      parts.log.error({ err: error, reqId: requestId }, 'call failed');
    },
  });
}

/** `package.Service` of every path. */
const namesOf = (methods: Methods): string[] => [...new Set(Object.keys(methods).map((path) => path.split('/')[1] ?? ''))];
