// Owns TensorFlow Serving's gRPC services: PredictionService and ModelService. Messages are in the codecs beside it; the work is the
// engine's. Must not import backends.
import { asInferenceError, type InferenceError } from '../../inference/errors.ts';
import { callerSignature, type ServingSpec } from '../../inference/spec.ts';
import type { TensorSpec } from '@slipway/api';
import { HEADERS, roleOf } from '../../http/request-context.ts';
import { unary, type Encoded, type GrpcCall, type Methods } from '../grpc/service.ts';
import { GRPC, GrpcError, statusOf } from '../grpc/status.ts';
import type { CallResult } from '../../pipeline/call.ts';
import { runCall } from '../protocol.ts';
import { choose, outputsOf, stepsOf, type Chosen, type Exchange, type TfServing } from './call.ts';
import { TYPES } from './dtypes.ts';
import { CANONICAL, httpStatusOf, TFSERVING_ERRORS } from './errors.ts';
import type { ExampleReply } from './example-messages.ts';
import { invalid } from './fill.ts';
import { MESSAGES, type ModelSpecMessage } from './grpc-messages.ts';
import { PREDICT_METHOD, STATES, stateOf } from './info-bodies.ts';
import type { Target } from './target.ts';
import { headOf, readExamples, readPredict, writeExamples, writePredict } from './grpc-bodies.ts';
import { predictItem, type PredictAsked } from './predict-messages.ts';
import { allOf, nameOf, NoSignature, signed, type Signed } from './signatures.ts';
import { versionsMissing } from './versions.ts';
import { field } from '../v2/grpc-messages.ts';

const PROTOCOL = 'tfserving-grpc';
const PREDICTION = '/tensorflow.serving.PredictionService';
const MODEL = '/tensorflow.serving.ModelService';

type Spec = ModelSpecMessage | null | undefined;

export function tfServingMethods(server: TfServing): Methods {
  const m = MESSAGES;
  return {
    [`${PREDICTION}/Predict`]: { kind: 'unary', answer: (bytes, call) => predict(server, bytes, call) },
    [`${PREDICTION}/Classify`]: { kind: 'unary', answer: (bytes, call) => examples(server, bytes, call, 'classify') },
    [`${PREDICTION}/Regress`]: { kind: 'unary', answer: (bytes, call) => examples(server, bytes, call, 'regress') },
    [`${PREDICTION}/MultiInference`]: { kind: 'unary', answer: (bytes, call) => multi(server, bytes, call) },
    [`${PREDICTION}/GetModelMetadata`]: unary(m.metadataRequest, m.metadataResponse, (request, call) => translated(() => metadata(server, request, call))),
    [`${MODEL}/GetModelStatus`]: unary(m.statusRequest, m.statusResponse, ({ model_spec }, call) => translated(() => Promise.resolve(status(server, model_spec, call)))),
    [`${MODEL}/HandleReloadConfigRequest`]: unary(m.reloadRequest, m.reloadResponse, () => {
      throw new GrpcError(GRPC.unimplemented, 'Models are not configured over this call: change the InferenceService, or without Kubernetes use the admin port (POST /models).');
    }),
  };
}

/** @throws InferenceError, GrpcError */
function targetOf(spec: Spec, { metadata: headers }: GrpcCall): Target {
  if (spec === null || spec === undefined) throw invalid('Missing ModelSpec');
  const { version_label: label = '' } = spec;
  const version = spec.version?.value.toString();
  return { name: spec.name, version, label: version !== undefined || label === '' ? undefined : label, role: roleOf(headers) };
}

/** The same for a call, which is for one model. @throws InferenceError, GrpcError */
function calledOf(spec: Spec, call: GrpcCall): Target {
  const target = targetOf(spec, call);
  if (target.name === '') throw invalid('ModelSpec has no name specified.');
  return target;
}

/** @throws NoSignature */
function signatureOf(model: ServingSpec, asked: Spec): Signed {
  const { signature_name: name = '' } = asked ?? {};
  const found = signed(model, name);
  if (found === undefined) throw new NoSignature(name);
  return found;
}

type Work<T> = Omit<Exchange<T>, 'target' | 'entrypoint'> & { spec: Spec };

function exchange<T>(server: TfServing, call: GrpcCall, { spec, ...work }: Work<T>): Promise<T> {
  return translated(async () => {
    const { requestId, began, timeoutMs, signal, note } = call;
    const origin = { protocol: PROTOCOL, requestId, began, timeoutMs, signal, note, statusOf: (error: InferenceError) => httpStatusOf(error.code) };
    const { result, answer } = await runCall(server.context, origin, stepsOf(server, { ...work, target: calledOf(spec, call), entrypoint: 'GRPC' }));
    call.header(HEADERS.modelVersion, result.spec.version);
    if (result.cache !== undefined) call.header(HEADERS.cache, result.cache);
    return answer;
  });
}

/** Where TensorFlow Serving's code is not the one that the transport would choose. */
async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof GrpcError) throw thrown;
    if (thrown instanceof NoSignature) throw new GrpcError(GRPC.failedPrecondition, thrown.message);
    const error = asInferenceError(thrown);
    const code = CANONICAL[TFSERVING_ERRORS[error.code].code].grpc;
    throw code === statusOf(error) ? error : new GrpcError(code, error.message, error.retryAfterSeconds);
  }
}

async function predict(server: TfServing, bytes: Uint8Array, call: GrpcCall): Promise<Encoded> {
  const { bodies, context } = server;
  const asked = await readPredict(bodies, bytes, context.maxBodyBytes);
  return exchange(server, call, {
    spec: asked.model_spec,
    api: 'Predict',
    decode: ({ spec: model }) => {
      const { spec, signature } = signatureOf(model, asked.model_spec);
      const item = predictItem(asked, spec);
      checkFilter(asked, callerSignature(spec).outputs);
      return { item, signature };
    },
    outputs: asked.output_filter,
    encode: (result, chosen) => writePredict(bodies, { outputs: outputsOf(result), model_spec: echo(server, chosen, result) }, result.cache !== undefined),
  });
}

function checkFilter({ output_filter: wanted }: PredictAsked, outputs: readonly TensorSpec[]): void {
  const names = outputs.map(({ name }) => name);
  wanted.forEach((name, index) => {
    if (!names.includes(name)) throw invalid(`output tensor alias not found in signature: ${name.slice(0, 200)} Outputs expected to be in the set {${names.sort().join(',')}}.`);
    if (wanted.indexOf(name) !== index) throw invalid(`duplicate output tensor alias: ${name}`);
  });
}

/** The model and signature that answered. */
const echo = ({ versions }: TfServing, { entry }: Chosen, { spec }: Pick<CallResult, 'spec'>): ModelSpecMessage => ({ name: entry.name, version: { value: versions.numberOf(entry) }, signature_name: nameOf(spec) });

const API = { classify: 'Classify', regress: 'Regress' } as const;

async function examples(server: TfServing, bytes: Uint8Array, call: GrpcCall, method: ExampleReply['method']): Promise<Uint8Array> {
  const { model_spec: spec, input } = await translated(() => Promise.resolve(headOf(MESSAGES.exampleHead, bytes)));
  return exchange(server, call, { spec, api: API[method], ...exampleWork(server, { bytes, input, kept: false, asked: spec }, { form: 'response', method }) });
}

function exampleWork(server: TfServing, { asked, ...request }: Parameters<typeof readExamples>[1] & { asked: Spec }, how: Pick<ExampleReply, 'form' | 'method'>): Pick<Work<Uint8Array>, 'decode' | 'encode'> {
  const { bodies } = server;
  return {
    decode: async ({ spec: model }) => {
      const { spec, signature } = signatureOf(model, asked);
      return { item: { tensors: await readExamples(bodies, request, spec) }, signature };
    },
    encode: (result, chosen) => writeExamples(bodies, { ...how, outputs: outputsOf(result), spec: result.spec, model_spec: echo(server, chosen, result) }, result.cache !== undefined),
  };
}

const METHODS: Readonly<Record<string, ExampleReply['method']>> = { 'tensorflow/serving/classify': 'classify', 'tensorflow/serving/regress': 'regress' };
const RESULTS_FIELD = 1;

async function multi(server: TfServing, bytes: Uint8Array, call: GrpcCall): Promise<Encoded> {
  const { tasks, input } = await translated(() => Promise.resolve(headOf(MESSAGES.multiHead, bytes)));
  checkTasks(tasks.map(({ model_spec: spec }) => spec?.name ?? ''));
  const results = await Promise.all(tasks.map(({ model_spec: spec, method_name: name }) => {
    const method = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
    if (method === undefined) throw new GrpcError(GRPC.unimplemented, `Unsupported signature method_name: ${name.slice(0, 100)}`);
    return exchange(server, call, { spec, api: 'MultiInference', ...exampleWork(server, { bytes, input, kept: true, asked: spec }, { form: 'result', method }) });
  }));
  return results.flatMap((result) => field(RESULTS_FIELD, [result]));
}

function checkTasks(models: readonly string[]): void {
  if (models.length === 0) throw invalid('ModelSpec has no name specified.');
  if (models.includes('')) throw invalid('Found ModelSpec with an empty model name.');
  if (new Set(models).size > 1) throw invalid('All ModelSpecs in a MultiInferenceRequest must access the same model name.');
}

const METADATA_FIELD = 'signature_def';

async function metadata(server: TfServing, request: { model_spec?: Spec; metadata_field: string[] }, call: GrpcCall): Promise<{ model_spec: ModelSpecMessage; metadata: Record<string, { type_url: string; value: Uint8Array }> }> {
  if (request.metadata_field.length === 0) throw invalid('GetModelMetadataRequest must specify at least one metadata_field');
  const other = request.metadata_field.find((field) => field !== METADATA_FIELD);
  if (other !== undefined) throw invalid(`Metadata field ${other.slice(0, 100)} is not supported`);
  const chosen = await choose(server, calledOf(request.model_spec, call));
  const value = MESSAGES.signatures.encode({ signature_def: Object.fromEntries(Object.entries(allOf(chosen.spec)).map(([name, each]) => [name, definitionOf(each)])) });
  const { signature_name: _, ...spec } = echo(server, chosen, chosen);
  return { model_spec: spec, metadata: { [METADATA_FIELD]: { type_url: 'type.googleapis.com/tensorflow.serving.SignatureDefMap', value } } };
}

function definitionOf(spec: ServingSpec): { inputs: Infos; outputs: Infos; method_name: string } {
  const { inputs, outputs } = callerSignature(spec);
  return { inputs: infosOf(inputs), outputs: infosOf(outputs), method_name: PREDICT_METHOD };
}

type Infos = Record<string, { name: string; dtype: number; tensor_shape: { dim: { size: number }[] } }>;

function infosOf(tensors: readonly TensorSpec[]): Infos {
  return Object.fromEntries(tensors.map(({ name, dtype, shape }) => [name, { name: `${name}:0`, dtype: TYPES[dtype].number, tensor_shape: { dim: shape.map((size) => ({ size })) } }]));
}

function status({ versions }: TfServing, spec: Spec, call: GrpcCall): { model_version_status: { version: number; state: number; status: { error_code: number; error_message: string } }[] } {
  const target = targetOf(spec, call);
  const chosen = target.version === undefined && target.label === undefined ? versions.versionsOf(target, versionsMissing) : [versions.resolve(target, versionsMissing)];
  const statuses = chosen.map((entry) => {
    const failed = entry.phase === 'Failed';
    return { version: versions.numberOf(entry), state: STATES[stateOf(entry)], status: { error_code: failed ? CANONICAL.UNKNOWN.grpc : CANONICAL.OK.grpc, error_message: failed ? (entry.message ?? '') : '' } };
  });
  return { model_version_status: statuses.sort((a, b) => b.version - a.version) };
}
