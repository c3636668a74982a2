// Owns the V2 gRPC service: the methods, each the same as a route of HTTP. Inference messages are grpc-infer.ts.
// Must not import backends.
import { messagesOf } from '../grpc/messages.ts';
import { stream, unary, type Methods } from '../grpc/service.ts';
import { modelReady, type ProtocolContext } from '../protocol.ts';
import { inferOver, type InferMessage, type InferReply } from './grpc-infer.ts';
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

export function v2Methods(context: ProtocolContext): Methods {
  const methods: Methods = { ...inferMethods(context), ...infoMethods(context), ...repositoryMethods(context) };
  return Object.fromEntries(Object.entries(methods).map(([name, method]) => [`/inference.GRPCInferenceService/${name}`, method]));
}

function inferMethods(context: ProtocolContext): Methods {
  const request = message<InferMessage>('ModelInferRequest');
  return {
    ModelInfer: unary(request, message<InferReply>('ModelInferResponse'), (asked, call) => inferOver(context, asked, call)),
    ModelStreamInfer: stream(request, message<{ error_message?: string; infer_response?: InferReply }>('ModelStreamInferResponse'), async function* (requests, call) {
      for await (const asked of requests) {
        try {
          yield { infer_response: await inferOver(context, asked, { ...call, began: performance.now() }) };
        } catch (error) {
          yield { error_message: error instanceof GrpcError ? error.message : asInferenceError(error).message, infer_response: { id: asked.id } };
        }
      }
    }),
  };
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
