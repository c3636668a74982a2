// Owns the messages of TensorFlow Serving's gRPC services: those fields of the public protocol that are read or written here, by their
// public numbers. Must not know what they mean.
import { messagesOf } from '../grpc/messages.ts';

const TENSORFLOW = `
syntax = "proto3";
package tensorflow;
message TensorShapeProto { message Dim { int64 size = 1; string name = 2; } repeated Dim dim = 2; bool unknown_rank = 3; }
message TensorProto {
  int32 dtype = 1; TensorShapeProto tensor_shape = 2; bytes tensor_content = 4;
  repeated float float_val = 5; repeated double double_val = 6; repeated int32 int_val = 7; repeated bytes string_val = 8;
  repeated int64 int64_val = 10; repeated bool bool_val = 11; repeated int32 half_val = 13;
  repeated uint32 uint32_val = 16; repeated uint64 uint64_val = 17;
}
message TensorInfo { string name = 1; int32 dtype = 2; TensorShapeProto tensor_shape = 3; }
message SignatureDef { map<string, TensorInfo> inputs = 1; map<string, TensorInfo> outputs = 2; string method_name = 3; }
message BytesList { repeated bytes value = 1; }
message FloatList { repeated float value = 1; }
message Int64List { repeated int64 value = 1; }
message Feature { oneof kind { BytesList bytes_list = 1; FloatList float_list = 2; Int64List int64_list = 3; } }
message Features { map<string, Feature> feature = 1; }
message Example { Features features = 1; }
`;

const SERVING = `
syntax = "proto3";
package tensorflow.serving;
message Int64Value { int64 value = 1; }
message Any { string type_url = 1; bytes value = 2; }
message ModelSpec { string name = 1; oneof version_choice { Int64Value version = 2; string version_label = 4; } string signature_name = 3; }
message PredictRequest { ModelSpec model_spec = 1; map<string, TensorProto> inputs = 2; repeated string output_filter = 3; }
message PredictResponse { map<string, TensorProto> outputs = 1; ModelSpec model_spec = 2; }
message ExampleList { repeated Example examples = 1; }
message ExampleListWithContext { repeated Example examples = 1; Example context = 2; }
message Input { oneof kind { ExampleList example_list = 1; ExampleListWithContext example_list_with_context = 2; } }
message Class { string label = 1; float score = 2; }
message Classifications { repeated Class classes = 1; }
message ClassificationResult { repeated Classifications classifications = 1; }
message ClassificationRequest { ModelSpec model_spec = 1; Input input = 2; }
message ClassificationResponse { ClassificationResult result = 1; ModelSpec model_spec = 2; }
message Regression { float value = 1; }
message RegressionResult { repeated Regression regressions = 1; }
message RegressionRequest { ModelSpec model_spec = 1; Input input = 2; }
message RegressionResponse { RegressionResult result = 1; ModelSpec model_spec = 2; }
message InferenceTask { ModelSpec model_spec = 1; string method_name = 2; }
message MultiInferenceRequest { repeated InferenceTask tasks = 1; Input input = 2; }
message InferenceResult { ModelSpec model_spec = 1; oneof result { ClassificationResult classification_result = 2; RegressionResult regression_result = 3; } }
message MultiInferenceResponse { repeated InferenceResult results = 1; }
message ExampleRequestHead { ModelSpec model_spec = 1; repeated bytes input = 2; }
message MultiRequestHead { repeated InferenceTask tasks = 1; repeated bytes input = 2; }
message InputHolder { repeated bytes input = 2; }
message SignatureDefMap { map<string, SignatureDef> signature_def = 1; }
message GetModelMetadataRequest { ModelSpec model_spec = 1; repeated string metadata_field = 2; }
message GetModelMetadataResponse { ModelSpec model_spec = 1; map<string, Any> metadata = 2; }
message StatusProto { int32 error_code = 1; string error_message = 2; }
message ModelVersionStatus { int64 version = 1; int32 state = 2; StatusProto status = 3; }
message GetModelStatusRequest { ModelSpec model_spec = 1; }
message GetModelStatusResponse { repeated ModelVersionStatus model_version_status = 1; }
message ReloadConfigRequest {}
message ReloadConfigResponse { StatusProto status = 1; }
`;

export interface ShapeMessage {
  dim: { size: number }[];
  unknown_rank?: boolean;
}
/** Lists are empty where the field is absent. */
export interface TensorMessage {
  dtype: number;
  tensor_shape?: ShapeMessage | null;
  tensor_content?: Uint8Array;
  float_val?: ArrayLike<number>;
  double_val?: ArrayLike<number>;
  int_val?: ArrayLike<number>;
  string_val?: ArrayLike<Uint8Array>;
  int64_val?: ArrayLike<number>;
  bool_val?: ArrayLike<boolean | number>;
  half_val?: ArrayLike<number>;
  uint32_val?: ArrayLike<number>;
  uint64_val?: ArrayLike<number>;
}
/** As it is written: lists of numbers are the bytes of packed lists. */
export type WrittenTensor = Pick<TensorMessage, 'dtype' | 'tensor_shape' | 'tensor_content'> & { [List in Exclude<keyof TensorMessage, 'dtype' | 'tensor_shape' | 'tensor_content'>]?: Uint8Array | Uint8Array[] };
export interface ModelSpecMessage {
  name: string;
  version?: { value: number } | null;
  version_label?: string;
  signature_name?: string;
}
interface WithSpec {
  model_spec?: ModelSpecMessage | null;
}
export interface PredictRequestMessage extends WithSpec {
  inputs: Readonly<Record<string, TensorMessage>>;
  output_filter: string[];
}
export interface FeatureMessage {
  bytes_list?: { value: Uint8Array[] } | null;
  float_list?: { value: number[] } | null;
  int64_list?: { value: number[] } | null;
}
export interface ExampleMessage {
  features?: { feature: Readonly<Record<string, FeatureMessage>> } | null;
}
export interface InputMessage {
  example_list?: { examples: ExampleMessage[] } | null;
  example_list_with_context?: { examples: ExampleMessage[]; context?: ExampleMessage | null } | null;
}
export interface ExampleRequestMessage extends WithSpec {
  input?: InputMessage | null;
}
export interface ClassificationMessage {
  classifications: { classes: { label: string; score: number }[] }[];
}
export interface RegressionMessage {
  regressions: { value: number }[];
}
/** The input of a request as bytes: several are one, as protobuf has it. */
interface WithInput {
  input: Uint8Array[];
}
interface TensorInfoMessage {
  name: string;
  dtype: number;
  tensor_shape: ShapeMessage;
}
interface SignatureMessage {
  inputs: Record<string, TensorInfoMessage>;
  outputs: Record<string, TensorInfoMessage>;
  method_name: string;
}
interface StatusMessage {
  error_code: number;
  error_message: string;
}

const PROTO = `${TENSORFLOW}${SERVING.replace(/syntax.*\n/, '').replace(/package.*\n/, '')}`;
const message = messagesOf(PROTO);
/** The same bytes on the wire, but lists of numbers are bytes, which typed arrays become at once. */
const packed = messagesOf(PROTO.replace(/repeated (?:float|double|int32|int64|bool|uint32|uint64) (\w+_val) =/g, 'bytes $1 ='));
const type = <T extends object>(name: string): ReturnType<typeof message<T>> => message<T>(`tensorflow.${name}`);

export const MESSAGES = {
  predictRequest: type<PredictRequestMessage>('PredictRequest'),
  predictResponse: type<WithSpec & { outputs: Record<string, TensorMessage> }>('PredictResponse'),
  /** To be written only: its lists are packed already. */
  packedResponse: packed<WithSpec & { outputs: Record<string, WrittenTensor> }>('tensorflow.PredictResponse'),
  classificationRequest: type<ExampleRequestMessage>('ClassificationRequest'),
  classificationResponse: type<WithSpec & { result: ClassificationMessage }>('ClassificationResponse'),
  regressionRequest: type<ExampleRequestMessage>('RegressionRequest'),
  regressionResponse: type<WithSpec & { result: RegressionMessage }>('RegressionResponse'),
  /** A ClassificationRequest or RegressionRequest, a MultiInferenceRequest, and what all three have in common: their input is not looked at. */
  exampleHead: type<WithSpec & WithInput>('ExampleRequestHead'),
  multiHead: type<{ tasks: (WithSpec & { method_name: string })[] } & WithInput>('MultiRequestHead'),
  inputHolder: type<WithInput>('InputHolder'),
  input: type<InputMessage>('Input'),
  multiRequest: type<{ tasks: (WithSpec & { method_name: string })[]; input?: InputMessage | null }>('MultiInferenceRequest'),
  inferenceResult: type<WithSpec & { classification_result?: ClassificationMessage; regression_result?: RegressionMessage }>('InferenceResult'),
  multiResponse: type<{ results: (WithSpec & { classification_result?: ClassificationMessage; regression_result?: RegressionMessage })[] }>('MultiInferenceResponse'),
  metadataRequest: type<WithSpec & { metadata_field: string[] }>('GetModelMetadataRequest'),
  metadataResponse: type<WithSpec & { metadata: Record<string, { type_url: string; value: Uint8Array }> }>('GetModelMetadataResponse'),
  signatures: type<{ signature_def: Record<string, SignatureMessage> }>('SignatureDefMap'),
  statusRequest: type<WithSpec>('GetModelStatusRequest'),
  statusResponse: type<{ model_version_status: { version: number; state: number; status: StatusMessage }[] }>('GetModelStatusResponse'),
  reloadRequest: type<object>('ReloadConfigRequest'),
  reloadResponse: type<{ status: StatusMessage }>('ReloadConfigResponse'),
  /** For tests and tools that write single tensors. */
  tensor: type<TensorMessage>('TensorProto'),
  packedTensor: packed<WrittenTensor>('tensorflow.TensorProto'),
} as const;
