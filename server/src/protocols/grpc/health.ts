// Owns grpc.health.v1: whether the whole server, or a model, can answer. A service is the empty name (the server), the name of a
// gRPC service, or the name of a model. Must not judge by itself: it asks.
import { messagesOf } from './messages.ts';
import { stream, unary, type GrpcCall, type Methods } from './service.ts';
import { GRPC, GrpcError } from './status.ts';

export const HEALTH_PROTO = `
syntax = "proto3";
package grpc.health.v1;
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse {
  enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
  ServingStatus status = 1;
}
service Health {
  rpc Check(HealthCheckRequest) returns (HealthCheckResponse);
  rpc Watch(HealthCheckRequest) returns (stream HealthCheckResponse);
}
`;

const STATUS = { serving: 1, notServing: 2, unknown: 3 } as const;
type Status = (typeof STATUS)[keyof typeof STATUS];

interface HealthRequest {
  service: string;
}
interface HealthResponse {
  status: Status;
}

export interface HealthOptions {
  /** Whether the server is ready. */
  ready(): boolean;
  /** Whether a model is ready; undefined if there is none of that name. */
  modelReady(name: string): boolean | undefined;
  /** Names of the gRPC services, `package.Service`. */
  services: readonly string[];
}

const WATCH_MS = 500;
const message = messagesOf(HEALTH_PROTO);
const request = message<HealthRequest>('grpc.health.v1.HealthCheckRequest');
const response = message<HealthResponse>('grpc.health.v1.HealthCheckResponse');

export function healthMethods(options: HealthOptions): Methods {
  const check = (service: string): Status => {
    const ready = service === '' || options.services.includes(service) ? options.ready() : options.modelReady(service);
    return ready === undefined ? STATUS.unknown : ready ? STATUS.serving : STATUS.notServing;
  };
  return {
    '/grpc.health.v1.Health/Check': unary(request, response, ({ service }) => {
      const status = check(service);
      if (status === STATUS.unknown) throw new GrpcError(GRPC.notFound, `There is no service ${service}.`);
      return { status };
    }),
    '/grpc.health.v1.Health/Watch': stream(request, response, async function* (requests, call) {
      for await (const { service } of requests) yield* watch(() => check(service), call);
    }),
  };
}

/** The status now, and again whenever it has changed, until the caller leaves. */
async function* watch(check: () => Status, call: GrpcCall): AsyncIterable<HealthResponse> {
  let told: Status | undefined;
  while (!call.signal.aborted) {
    const status = check();
    if (status !== told) yield { status };
    told = status;
    await pause();
  }
}

const pause = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, WATCH_MS).unref();
  });
