// Owns the table of the model servers that people bring along (spec.runtime): by protocol, what is filled in where the spec says nothing.
// The reference page is generated from it. Must not know how a pod is made.
import { MODELS_MOUNT, PACKAGE_LINK } from './names.ts';

/** The values of spec.runtime.protocol. */
export const RUNTIME_PROTOCOLS = ['http', 'grpc', 'tfserving', 'triton', 'mlserver', 'torchserve', 'kserve-v1', 'kserve-v2', 'sagemaker'] as const;
export type RuntimeProtocol = (typeof RUNTIME_PROTOCOLS)[number];

/**
 * Texts may hold `{name}` (the InferenceService's), `{version}` (spec.model.version, else the revision's hash), `{number}` (the digits of such a
 * version, else the revision's number), `{package}` (the folder of the package), `{port}`, `{grpcPort}` and `{metricsPort}`.
 */
export interface RuntimeConvention {
  /** The servers it is for. */
  title: string;
  port: number;
  /** Where gRPC calls go; absent: to `port`. */
  grpcPort?: number;
  /** Path that answers 200 once the model is ready. Absent: an open port is all that such servers have in common. */
  readyPath?: string;
  /** Folder of the package. */
  mountPath: string;
  args?: readonly string[];
  /** Besides those of every server: RUNTIME_ENV. */
  env?: Readonly<Record<string, string>>;
  /** Where Prometheus finds its metrics; absent: such servers have none unless told to. */
  metrics?: { port: number; path: string };
  /** Whether it ends what is under way on SIGTERM. Those that die at once are not told before every request has had its time. */
  drains: boolean;
  /** How callers come to reach the model under the name of the InferenceService, and what the package must be for it. */
  naming: string;
}

const PACKAGE = `${MODELS_MOUNT}/${PACKAGE_LINK}`;

/** Variables of every server that is brought along; arguments may use them as $(MODEL_NAME). */
export const RUNTIME_ENV: Readonly<Record<string, string>> = { MODEL_PATH: '{package}', MODEL_NAME: '{name}' };

const KSERVE_ARGS = ['--model_name={name}', '--model_dir={package}', '--http_port={port}'];

export const RUNTIMES: Readonly<Record<RuntimeProtocol, RuntimeConvention>> = {
  http: {
    title: 'any HTTP server',
    port: 8080,
    readyPath: '/',
    mountPath: PACKAGE,
    drains: true,
    naming: 'The server reads `MODEL_NAME`.',
  },
  grpc: {
    title: 'any gRPC server',
    port: 8080,
    mountPath: PACKAGE,
    drains: true,
    naming: 'The server reads `MODEL_NAME`.',
  },
  tfserving: {
    title: 'TensorFlow Serving',
    port: 8501,
    grpcPort: 8500,
    // The status of a model is 200 while it still loads; its metadata is not.
    readyPath: '/v1/models/{name}/metadata',
    mountPath: '/models/{name}/{number}',
    args: ['--model_name={name}', '--model_base_path=/models/{name}', '--rest_api_port={port}', '--port={grpcPort}'],
    env: { MODEL_BASE_PATH: '/models' },
    drains: false,
    naming: 'By `--model_name`. The package is one SavedModel; its folder is the version of that number.',
  },
  triton: {
    title: 'Triton Inference Server',
    port: 8000,
    grpcPort: 8001,
    readyPath: '/v2/models/{name}/ready',
    mountPath: '/models/{name}',
    args: ['tritonserver', '--model-repository=/models', '--http-port={port}', '--grpc-port={grpcPort}', '--metrics-port={metricsPort}'],
    metrics: { port: 8002, path: '/metrics' },
    drains: true,
    naming: 'By the folder in the repository. The package is one model: `config.pbtxt` without `name`, and its version folders.',
  },
  mlserver: {
    title: 'MLServer',
    port: 8080,
    grpcPort: 8081,
    readyPath: '/v2/models/{name}/ready',
    mountPath: '/models/{name}',
    env: {
      MLSERVER_MODELS_DIR: '{package}',
      MLSERVER_MODEL_NAME: '{name}',
      MLSERVER_MODEL_VERSION: '{version}',
      MLSERVER_MODEL_URI: '{package}',
      MLSERVER_HTTP_PORT: '{port}',
      MLSERVER_GRPC_PORT: '{grpcPort}',
      MLSERVER_METRICS_PORT: '{metricsPort}',
      MLSERVER_METRICS_DIR: '/tmp',
    },
    metrics: { port: 8082, path: '/metrics' },
    drains: true,
    naming: 'By `MLSERVER_MODEL_NAME` and the folder, as long as `model-settings.json` names nothing itself: leave `name` out there.',
  },
  torchserve: {
    title: 'TorchServe',
    port: 8080,
    readyPath: '/ping',
    mountPath: PACKAGE,
    args: ['torchserve', '--start', '--foreground', '--disable-token-auth', '--ts-config=/home/model-server/config.properties', '--model-store={package}', '--models={name}=model.mar'],
    metrics: { port: 8082, path: '/metrics' },
    drains: false,
    naming: 'By `--models`. The package holds the archive as `model.mar`.',
  },
  'kserve-v1': {
    title: "KServe's Python servers, protocol V1",
    port: 8080,
    readyPath: '/v1/models/{name}',
    mountPath: PACKAGE,
    args: KSERVE_ARGS,
    metrics: { port: 8080, path: '/metrics' },
    drains: true,
    naming: 'By `--model_name`.',
  },
  'kserve-v2': {
    title: "KServe's Python servers, protocol V2",
    port: 8080,
    grpcPort: 8081,
    readyPath: '/v2/models/{name}/ready',
    mountPath: PACKAGE,
    args: [...KSERVE_ARGS, '--grpc_port={grpcPort}'],
    metrics: { port: 8080, path: '/metrics' },
    drains: true,
    naming: 'By `--model_name`.',
  },
  sagemaker: {
    title: "SageMaker's container contract",
    port: 8080,
    readyPath: '/ping',
    mountPath: '/opt/ml/model',
    args: ['serve'],
    env: { SAGEMAKER_BIND_TO_PORT: '{port}' },
    drains: false,
    naming: 'No name: the container serves one package at `/invocations`.',
  },
};
