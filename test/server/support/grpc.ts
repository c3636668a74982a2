// A genuine gRPC client (grpc-js) for the services of the server, from the .proto text that the server itself runs.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import grpc from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import type { Loose } from './server.ts';

export interface Reply {
  body: Loose;
  /** Headers of the answer. */
  headers: grpc.Metadata;
}

export interface GrpcClient extends Disposable {
  /** One request, one answer. Rejects with grpc-js's ServiceError (`code`, `details`, `metadata`). */
  call(method: string, request?: object, metadata?: Record<string, string>, options?: grpc.CallOptions): Promise<Reply>;
  /** The client itself, for streams. */
  raw: Loose;
}

/** A client of `service` (full name) at `127.0.0.1:port`. */
export function grpcClient(proto: string, service: string, port: number, options: grpc.ClientOptions = {}): GrpcClient {
  const Service = service.split('.').reduce((at: Loose, part) => at[part], grpc.loadPackageDefinition(loadText(proto)) as Loose) as grpc.ServiceClientConstructor;
  const client = new Service(`127.0.0.1:${String(port)}`, grpc.credentials.createInsecure(), { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1, ...options }) as Loose;
  return {
    raw: client,
    call: (method, request = {}, metadata = {}, callOptions = {}) =>
      new Promise((resolve, reject) => {
        const sent = new grpc.Metadata();
        for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
        let headers = new grpc.Metadata();
        const under = client[method](request, sent, callOptions, (error: Error | null, body: Loose) => {
          if (error === null) resolve({ body, headers });
          else reject(error);
        });
        under.on('metadata', (came: grpc.Metadata) => (headers = came));
      }),
    [Symbol.dispose]: () => {
      client.close();
    },
  };
}

function loadText(proto: string): PackageDefinition {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-proto-'));
  try {
    const file = path.join(folder, 'service.proto');
    writeFileSync(file, proto);
    return loadSync(file, { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
