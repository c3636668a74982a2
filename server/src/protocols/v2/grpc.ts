// Owns the V2 gRPC service: the methods, each the same as a route of HTTP. Inference is grpc-infer.ts.
// Must not import backends.
import { messagesOf } from '../grpc/messages.ts';
import { unary, type Encoded, type GrpcCall, type Methods } from '../grpc/service.ts';
import { modelReady, type ProtocolContext } from '../protocol.ts';
import { readMessage } from './grpc-bodies.ts';
import { inferOver, type V2Grpc } from './grpc-infer.ts';
import { field, type InferReply } from './grpc-messages.ts';
import { entryOf, loadModel, modelConfig, modelMetadata, modelStatistics, refuseFiles, repositoryIndex, serverMetadata, unloadModel, type Target } from './info.ts';
import { V2_PROTO_RAW } from './proto.ts';
import { asInferenceError } from '../../inference/errors.ts';
import { GrpcError } from '../grpc/status.ts';

interface Named {
  name: string;
  version: string;
}
interface Repository {
  model_name: string;
  parameters: Record<string, unknown>;
}

const messages = messagesOf(V2_PROTO_RAW);
const message = <T extends object>(name: string): ReturnType<typeof messages<T>> => messages<T>(`inference.${name}`);
const targetOf = ({ name, version }: Named): Target => ({ name, version: version === '' ? undefined : version });

export function v2Methods(options: V2Grpc): Methods {
  const { context } = options;
  const methods: Methods = { ...inferMethods(options), ...infoMethods(context), ...repositoryMethods(context) };
  return Object.fromEntries(Object.entries(methods).map(([name, method]) => [`/inference.GRPCInferenceService/${name}`, method]));
}

function inferMethods(options: V2Grpc): Methods {
  return {
    ModelInfer: { kind: 'unary', answer: async (bytes, call) => inferOver(options, await readMessage(options.bodies, bytes), call) },
    ModelStreamInfer: { kind: 'stream', answer: (requests, call) => streamed(options, requests, call) },
  };
}

const INFER_RESPONSE_FIELD = 2;
const STREAM_RESPONSE = message<{ error_message?: string; infer_response?: InferReply }>('ModelStreamInferResponse');

/** One after the other: answers come in the order of their requests. */
async function* streamed(options: V2Grpc, requests: AsyncIterable<Uint8Array>, call: GrpcCall): AsyncIterable<Encoded> {
  for await (const bytes of requests) {
    const asked = await readMessage(options.bodies, bytes);
    try {
      const reply = await inferOver(options, asked, { ...call, began: performance.now() });
      yield field(INFER_RESPONSE_FIELD, reply instanceof Uint8Array ? [reply] : reply);
    } catch (error) {
      yield STREAM_RESPONSE.encode({ error_message: error instanceof GrpcError ? error.message : asInferenceError(error).message, infer_response: { id: asked.head.id } });
    }
  }
}

function infoMethods(context: ProtocolContext): Methods {
  return {
    ServerLive: unary(message('ServerLiveRequest'), message('ServerLiveResponse'), () => ({ live: true })),
    ServerReady: unary(message('ServerReadyRequest'), message('ServerReadyResponse'), () => ({ ready: context.ready() })),
    ModelReady: unary(message<Named>('ModelReadyRequest'), message('ModelReadyResponse'), (asked) => {
      const { name, version } = targetOf(asked);
      entryOf(context, { name, version });
      return { ready: modelReady(context, name, version) === true };
    }),
    ServerMetadata: unary(message('ServerMetadataRequest'), message('ServerMetadataResponse'), () => serverMetadata()),
    ModelMetadata: unary(message<Named>('ModelMetadataRequest'), message('ModelMetadataResponse'), (asked) => modelMetadata(context, targetOf(asked))),
    ModelConfig: unary(message<Named>('ModelConfigRequest'), message('ModelConfigResponse'), async (asked) => ({ config: await modelConfig(context, targetOf(asked), true) })),
    ModelStatistics: unary(message<Named>('ModelStatisticsRequest'), message('ModelStatisticsResponse'), (asked) => modelStatistics(context, asked.name === '' ? undefined : targetOf(asked))),
  };
}

function repositoryMethods(context: ProtocolContext): Methods {
  return {
    RepositoryIndex: unary(message<{ ready: boolean }>('RepositoryIndexRequest'), message('RepositoryIndexResponse'), (asked) => ({ models: repositoryIndex(context, asked.ready) })),
    RepositoryModelLoad: unary(message<Repository>('RepositoryModelLoadRequest'), message('RepositoryModelLoadResponse'), async (asked, call) => {
      refuseFiles(asked.parameters);
      await loadModel(context, asked.model_name, call.metadata.authorization);
      return {};
    }),
    RepositoryModelUnload: unary(message<Repository>('RepositoryModelUnloadRequest'), message('RepositoryModelUnloadResponse'), async (asked, call) => {
      await unloadModel(context, asked.model_name, call.metadata.authorization);
      return {};
    }),
  };
}
