// What is fuzzed: every codec that reads bytes of a caller, with inputs to begin with. A target throws what the codec throws; whether that
// is allowed is judged elsewhere. Where a codec has an argument beside the body, the first byte of the input is it.
import type { FeatureContract, TensorSpec } from '@slipway/api';
import { parseJson } from '../../../server/src/http/json-body.ts';
import { prepareInputs, prepareTensors } from '../../../server/src/inference/inputs.ts';
import { checkPicture } from '../../../server/src/inference/pictures.ts';
import type { ServingSpec } from '../../../server/src/inference/spec.ts';
import { sizeOf, type Tensor } from '../../../server/src/inference/tensor.ts';
import type { Item } from '../../../server/src/pipeline/call.ts';
import { decodeInvocation, decodeScore, decodeVertex } from '../../../server/src/protocols/clouds/codec.ts';
import { Deframer, frame } from '../../../server/src/protocols/grpc/framing.ts';
import { messagesOf } from '../../../server/src/protocols/grpc/messages.ts';
import { itemFor } from '../../../server/src/protocols/instances/instances.ts';
import { decodeBody as decodeKserve } from '../../../server/src/protocols/kserve/codec.ts';
import { decodeBatch, decodePredict as decodeNative } from '../../../server/src/protocols/native/codec.ts';
import { readOctets } from '../../../server/src/protocols/native/octets.ts';
import { decodeExamples, tensorsOf } from '../../../server/src/protocols/tfserving/examples.ts';
import { exampleTensors } from '../../../server/src/protocols/tfserving/example-messages.ts';
import { MESSAGES } from '../../../server/src/protocols/tfserving/grpc-messages.ts';
import { decodePredict, readBody, signatureIn } from '../../../server/src/protocols/tfserving/predict-request.ts';
import { askedOf, predictItem } from '../../../server/src/protocols/tfserving/predict-messages.ts';
import { parseTarget } from '../../../server/src/protocols/tfserving/target.ts';
import { decodeBody as decodeTorchServe } from '../../../server/src/protocols/torchserve/codec.ts';
import { readInferRequest, readRawRequest } from '../../../server/src/protocols/v2/body.ts';
import { requestOf, type InferMessage } from '../../../server/src/protocols/v2/grpc-messages.ts';
import { callOf, type InferRequest } from '../../../server/src/protocols/v2/infer.ts';
import { V2_PROTO, V2_PROTO_RAW } from '../../../server/src/protocols/v2/proto.ts';

export interface Target {
  about: string;
  run(bytes: Buffer): void;
  seeds: readonly (string | Uint8Array)[];
}

const feature = (name: string): FeatureContract => ({ name, type: 'number', nullable: false, finite: true });
const spec = (inputs: TensorSpec[], more: Partial<ServingSpec> = {}): ServingSpec => ({
  name: 'm', version: '1', format: 'saved-model', signature: { inputs, outputs: [{ name: 'y', dtype: 'float32', shape: [-1, 3] }] }, takes: 'tensors', numeric: [], postprocessing: [], maxInt64: 2 ** 31 - 1, explanation: 'none', baseline: {}, ...more,
});
const ROWS = spec([{ name: 'x', dtype: 'float32', shape: [-1, 2] }], { contract: { id: 'c', features: [feature('a'), feature('b')] }, numeric: [{ scale: 2, mean: [1], std: [1, 2] }] });
const TWO = spec([{ name: 'a', dtype: 'int64', shape: [-1, 2] }, { name: 'b', dtype: 'string', shape: [-1] }]);
const OPEN = spec([{ name: 'x', dtype: 'uint8', shape: [-1, -1] }]);
const PICTURE = spec([{ name: 'image', dtype: 'float32', shape: [-1, 2, 2, 1] }], { image: { name: 'image', height: 2, width: 2, channels: 1 } });
const TEXT = spec([{ name: 'words', dtype: 'int32', shape: [-1, 4] }], { takes: 'text' });
const SPECS = [ROWS, TWO, OPEN, PICTURE, TEXT];

/** The first byte chooses the model, the rest is the body. */
const forModel = (bytes: Buffer): [ServingSpec, Buffer] => [SPECS[(bytes[0] ?? 0) % SPECS.length] as ServingSpec, bytes.subarray(1)];
const all = (bodies: readonly (string | Uint8Array)[]): Uint8Array[] => bodies.flatMap((body) => SPECS.map((_, at) => Buffer.concat([Buffer.from([at]), Buffer.from(body as string)])));

/** A tensor has as many elements as its shape says. */
function checked(tensors: readonly Tensor[] | undefined): void {
  for (const { name, shape, data } of tensors ?? []) if (data.length !== sizeOf(shape)) throw new RangeError(`tensor ${name} of shape [${shape.join(',')}] has ${String(data.length)} elements`);
}

function checkItem(item: Item, model: ServingSpec): void {
  checked(item.tensors);
  for (const picture of item.pictures ?? []) if (model.image !== undefined) checkPicture(picture, model.image, 'inputs');
  if (item.text === undefined && item.pictures === undefined && model.takes === 'tensors') {
    const { tensors } = item.tensors === undefined ? prepareInputs(item.inputs, model, item.preprocessing) : prepareTensors(item.tensors, model, item.preprocessing);
    checked(tensors);
  }
}

const outside = { modelVersion: undefined, modelName: undefined, apiVersion: 1 as const };
function answered(request: InferRequest, model: ServingSpec): void {
  checked(request.inputs);
  const call = callOf(request, model);
  for (const item of call.items) checkItem(item, model);
}

const INFER = '{"id":"1","parameters":{"timeout":5,"binary_data_output":true},"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2.5e1]}],"outputs":[{"name":"y","parameters":{"classification":2}}]}';
const INFER_TWO = '{"inputs":[{"name":"a","shape":[1,2],"datatype":"INT64","data":[[1,-2]]},{"name":"b","shape":[1],"datatype":"BYTES","data":["t"]}]}';
const binaryHead = '{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}';
const binarySeed = (head: string, raw: Uint8Array): Buffer => Buffer.concat([Buffer.from([head.length]), Buffer.from(head), raw]);
const PAIR = new Uint8Array(Float32Array.of(1, 2).buffer);
const v2Message = messagesOf(V2_PROTO_RAW)<InferMessage>('inference.ModelInferRequest');
const v2Typed = messagesOf(V2_PROTO)<object>('inference.ModelInferRequest');
const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452000000020000000208000000', 'hex');
const JPEG = Buffer.from('ffd8ffe000104a46494600010100000100010000ffc0000b080002000201011100', 'hex');
const FORM = Buffer.concat([Buffer.from('--x\r\nContent-Disposition: form-data; name="data"\r\n\r\n[[1,2]]\r\n--x--\r\n')]);

/** By name, as `--target` says them. */
export const TARGETS: Readonly<Record<string, Target>> = {
  'v2-json': { about: 'V2 inference as JSON', run: (bytes) => { const [model, body] = forModel(bytes); answered(readInferRequest(body, undefined), model); }, seeds: all([INFER, INFER_TWO]) },
  'v2-binary': { about: 'V2 JSON and raw tensors behind it', run: (bytes) => { answered(readInferRequest(bytes.subarray(1), bytes[0] ?? 0), ROWS); }, seeds: [binarySeed(binaryHead, PAIR), binarySeed(binaryHead.replace('FP32', 'BYTES').replace('[1,2]', '[1]'), Buffer.from([4, 0, 0, 0, 65, 66, 67, 68]))] },
  'v2-raw': { about: 'V2 body that is one raw tensor', run: (bytes) => { const [model, body] = forModel(bytes); answered(readRawRequest(body, model), model); }, seeds: all([PAIR, 'text']) },
  'v2-grpc': {
    about: 'ModelInferRequest', run: (bytes) => { const [model, body] = forModel(bytes); answered(requestOf(v2Message.decode(body)), model); },
    seeds: all([
      v2Typed.encode({ model_name: 'm', id: '1', inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [1, 2] } }], outputs: [{ name: 'y', parameters: { classification: { int64_param: 2 } } }] }),
      v2Typed.encode({ model_name: 'm', inputs: [{ name: 'a', datatype: 'INT64', shape: [1, 2], contents: { int64_contents: [1, 2] } }, { name: 'b', datatype: 'BYTES', shape: [1], contents: { bytes_contents: [Buffer.from('t')] } }] }),
      v2Typed.encode({ model_name: 'm', parameters: { timeout: { uint64_param: 5 } }, inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2] }], raw_input_contents: [PAIR] }),
    ]),
  },
  'tfs-predict': {
    about: 'TensorFlow Serving predict as JSON', run: (bytes) => { const [model, body] = forModel(bytes); const json = readBody(body.toString('utf8'), 'large-bigint'); const { tensors } = decodePredict(json, signatureIn(json, model).spec.signature.inputs); checked(tensors); prepareTensors(tensors, model, undefined, true); },
    seeds: all(['{"signature_name":"serving_default","instances":[[1,2],[NaN,-Infinity]]}', '{"inputs":{"a":[[1,2]],"b":[{"b64":"dA=="}]}}', '{"instances":[{"a":[1,2],"b":"t"}]}', '{"inputs":[[9007199254740993,true]]}']),
  },
  'tfs-examples': { about: 'TensorFlow Serving classify and regress as JSON', run: (bytes) => { const [model, body] = forModel(bytes); const json = readBody(body.toString('utf8'), 'always-bigint'); checked(tensorsOf(decodeExamples(json), signatureIn(json, model).spec)); }, seeds: all(['{"context":{"a":1.5},"examples":[{"b":2.5},{"x":[1.0,2.0]}]}', '{"examples":[{"a":[1,2],"b":{"b64":"dA=="}}]}', '{"examples":[{"text":"t"}]}']) },
  'tfs-grpc-predict': {
    about: 'PredictRequest and its TensorProtos', run: (bytes) => { const [model, body] = forModel(bytes); checkItem(predictItem(askedOf(MESSAGES.predictRequest.decode(body), 65_536), model), model); },
    seeds: all([
      MESSAGES.predictRequest.encode({ model_spec: { name: 'm', version: { value: 1 } }, inputs: { x: { dtype: 1, tensor_shape: { dim: [{ size: 1 }, { size: 2 }] }, float_val: [1, 2] } }, output_filter: ['y'] }),
      MESSAGES.predictRequest.encode({ inputs: { x: { dtype: 1, tensor_shape: { dim: [{ size: 1 }, { size: 2 }] }, tensor_content: PAIR } } } as never),
      MESSAGES.predictRequest.encode({ inputs: { a: { dtype: 9, tensor_shape: { dim: [{ size: 1 }, { size: 2 }] }, int64_val: [7] }, b: { dtype: 7, tensor_shape: { dim: [{ size: 1 }] }, string_val: [Buffer.from('t')] } } } as never),
    ]),
  },
  'tfs-grpc-examples': {
    about: 'ClassificationRequest and its Examples', run: (bytes) => { const [model, body] = forModel(bytes); checked(exampleTensors(MESSAGES.inputHolder.decode(body).input, model)); },
    seeds: all([MESSAGES.classificationRequest.encode({ input: { example_list_with_context: { context: { features: { feature: { a: { float_list: { value: [1] } } } } }, examples: [{ features: { feature: { b: { float_list: { value: [2] } }, x: { int64_list: { value: [1, 2] } } } } }] } } })]),
  },
  'grpc-frames': {
    about: 'frames of a gRPC stream, cut anywhere', run: (bytes) => { const frames = new Deframer(1 << 16); for (let at = 1; at < bytes.length; at += 1 + (bytes[0] ?? 0)) frames.push(bytes.subarray(at, at + 1 + (bytes[0] ?? 0))); },
    seeds: [Buffer.concat([Buffer.from([2]), frame(PAIR), frame(Buffer.from('abc'), true)]), Buffer.concat([Buffer.from([255]), frame(new Uint8Array(0))])],
  },
  invocations: { about: 'SageMaker: JSON and CSV', run: (bytes) => { const [model, body] = forModel(bytes); const text = body.toString('utf8'); checkItem(itemFor(decodeInvocation(text, text.startsWith('{') || text.startsWith('[') ? 'application/json' : 'text/csv'), model), model); }, seeds: all(['1,2\r\n"3","4"\n', '"a ""quoted"" text"\nplain\n', '{"dataframe_records":[{"a":1,"b":2}]}', '{"input_data":{"columns":["a","b"],"index":[0],"data":[[1,2]]}}']) },
  score: { about: 'Azure ML, Vertex AI and KServe V1', run: (bytes) => { const [model, body] = forModel(bytes); const text = body.toString('utf8'); const decode = [decodeScore, decodeVertex, decodeKserve][text.length % 3] ?? decodeScore; checkItem(itemFor(decode(text), model), model); }, seeds: all(['{"instances":[[1,2]]}', '{"data":["t"]}', '{"instances":[{"b64":"iVBORw0KGgo="}]}', '{"inputs":[[1,2],[3,4]]} ']) },
  torchserve: {
    about: 'TorchServe: JSON, text, form, picture', run: (bytes) => { const [model, body] = forModel(bytes); const type = body.subarray(0, 2).toString() === '--' ? 'multipart/form-data; boundary=x' : (bytes[0] ?? 0) > 127 ? 'text/plain' : 'application/json'; checkItem(decodeTorchServe(body, type, model).item, model); },
    seeds: all([FORM, '[[1,2]]', '{"data":{"a":1,"b":2}}', '{"body":"t"}', PNG, JPEG]),
  },
  native: {
    about: 'the native API as JSON', run: (bytes) => { const [model, body] = forModel(bytes); const json = parseJson(body.toString('utf8')); const call = typeof json === 'object' && json !== null && 'batch' in json ? decodeBatch(json, outside) : decodeNative(json, outside); for (const item of call.items) checkItem(item, model); },
    seeds: all(['{"modelName":"m","inputs":[[1,2]],"preprocessing":{"normalize":true,"scale":2,"mean":[1,1],"std":2}}', '{"maxBatchSize":2,"batch":[{"inputs":{"a":[[1,2]],"b":["t"]}}]}', '{"text":["t"]}', '{"inputs":[[NaN,-Infinity]]}', '{"inputs":[{"b64":"iVBORw0KGgo="}]}']),
  },
  octets: {
    about: 'the native API as raw bytes', run: (bytes) => { const [model, rest] = forModel(bytes); const [shape = '', dtype = '', ...body] = rest.toString('latin1').split('\n'); checkItem(readOctets(Buffer.from(body.join('\n'), 'latin1'), model, { shape: shape === '' ? undefined : shape, dtype: dtype === '' ? undefined : dtype }), model); },
    seeds: all([Buffer.concat([Buffer.from('1,2\nfloat32\n'), PAIR]), Buffer.concat([Buffer.from('\n\n'), PAIR]), Buffer.concat([Buffer.from('\n\n'), PNG]), Buffer.from('[2, 2]\nuint8\nabcd')]),
  },
  urls: { about: 'URLs of TensorFlow Serving', run: (bytes) => { const text = bytes.toString('latin1'); parseTarget(text.startsWith('P') ? 'POST' : 'GET', text.slice(1)); }, seeds: ['P/v1/models/m/versions/1:predict', 'G/v1/models/m/labels/a%20b/metadata', 'G/v1/models/m'] },
};
