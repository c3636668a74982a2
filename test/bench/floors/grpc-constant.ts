// The floor for gRPC: the framing alone, with a constant answer and the message left as bytes, ours or grpc-js's.
// `grpc-constant.ts <own | grpc-js> <port> <hex of the answer>`
import grpc from '@grpc/grpc-js';
import type http from 'node:http';
import { keepCallsYoung } from '../../../server/src/host/young-generation.ts';
import { createListener } from '../../../server/src/http/listener.ts';
import { grpcHandler } from '../../../server/src/protocols/grpc/server.ts';

const PATH = '/inference.GRPCInferenceService/ModelInfer';
const [kind, port = '0', hex = ''] = process.argv.slice(2);
const answer = Buffer.from(hex, 'hex');
const LIMIT = 64 * 1024 * 1024;

function own(): void {
  keepCallsYoung();
  const handler = grpcHandler({
    methods: { [PATH]: { kind: 'unary', answer: () => Promise.resolve(answer) } },
    maxMessageBytes: LIMIT,
    revision: undefined,
    drain: () => 'serving',
    admit: () => () => undefined,
    failed: (error) => console.error(error),
  });
  createListener((_request: http.IncomingMessage, response: http.ServerResponse) => response.writeHead(404).end(), handler).server.listen(Number(port), '127.0.0.1');
}

async function grpcJs(): Promise<void> {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': LIMIT });
  const asBytes = (value: Buffer): Buffer => value;
  const infer = { path: PATH, requestStream: false, responseStream: false, requestSerialize: asBytes, requestDeserialize: asBytes, responseSerialize: asBytes, responseDeserialize: asBytes };
  server.addService({ infer }, { infer: (_call: unknown, done: grpc.sendUnaryData<Buffer>) => done(null, answer) });
  await new Promise<void>((resolve, reject) => server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error))));
}

if (kind === 'own') own();
else await grpcJs();
