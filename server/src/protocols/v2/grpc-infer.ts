// Owns an inference of V2 over gRPC: message to call, outputs to message, as every protocol's call is run. The messages are
// grpc-messages.ts, where they are read and written is grpc-bodies.ts.
import { HEADERS } from '../../http/request-context.ts';
import type { Encoded, GrpcCall } from '../grpc/service.ts';
import { asInferenceError } from '../../inference/errors.ts';
import { runCall, type Origin, type ProtocolContext } from '../protocol.ts';
import type { V2Bodies } from './bodies.ts';
import { grpcErrorOf, writeError } from './errors.ts';
import { writeMessage, type Asked } from './grpc-bodies.ts';
import { callOf, outputsOf, type InferRequest } from './infer.ts';
import { modelOf, type Target } from './info.ts';

export interface V2Grpc {
  context: ProtocolContext;
  bodies: V2Bodies;
}

/** @throws InferenceError, GrpcError, counted and with the model version in the headers as over HTTP */
export async function inferOver(options: V2Grpc, asked: Asked, call: GrpcCall): Promise<Encoded> {
  try {
    return await infer(options, asked, call);
  } catch (thrown) {
    throw grpcErrorOf(asInferenceError(thrown));
  }
}

async function infer({ context, bodies }: V2Grpc, asked: Asked, call: GrpcCall): Promise<Encoded> {
  const { requestId, began, timeoutMs, signal, note } = call;
  const origin: Origin = { protocol: 'v2-grpc', requestId, began, timeoutMs, signal, note, statusOf: (error) => writeError(error).status };
  const target = targetOf(asked, call);
  let request: InferRequest | undefined;
  const { result, answer } = await runCall(context, origin, {
    target,
    decode: async () => {
      const { spec } = await modelOf(context, target);
      request = asked.request();
      return callOf(request, spec);
    },
    encode: (done) => {
      const outputs = outputsOf(request ?? { outputs: [], binary: true }, done);
      return writeMessage(bodies, { id: asked.head.id, model: done.spec.name, version: done.spec.version, outputs }, done.cache !== undefined);
    },
  });
  call.header(HEADERS.modelVersion, result.spec.version);
  if (result.cache !== undefined) call.header(HEADERS.cache, result.cache);
  return answer;
}

/** The version of the message, else of the header. */
function targetOf({ head }: Asked, { metadata }: GrpcCall): Target {
  const header = metadata[HEADERS.modelVersion];
  const version = head.model_version === '' && typeof header === 'string' ? header : head.model_version;
  return { name: head.model_name, version: version === '' ? undefined : version };
}
