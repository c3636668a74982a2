"""tensorflow-serving-api's stubs over gRPC: PredictionService and ModelService."""
import grpc
import numpy as np
from harness import CALLS, HOST, WEIGHTS, follow_the_weights, refuses, run
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc

channel = grpc.insecure_channel(HOST)
prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
models = model_service_pb2_grpc.ModelServiceStub(channel)
ROW = [0.2, 0.1, 0.4, 0.3, 0.5]
TIMEOUT = 20
# The versions that one server has: both, or, behind a router, those of either revision.
SERVED = [{int(version)} for version in WEIGHTS] or [{1, 2}]


def tensor(values, dtype, shape, **field):
    sizes = [tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in shape]
    return tensor_pb2.TensorProto(dtype=dtype, tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=sizes), **(field or values))


def request(model="classifier", version=None, **field):
    asked = predict_pb2.PredictRequest()
    asked.model_spec.name = model
    if version is not None:
        asked.model_spec.version.value = version
    asked.inputs["readings"].CopyFrom(tensor({"float_val": ROW}, types_pb2.DT_FLOAT, [1, 5], **field))
    return asked


def predict_with_typed_values():
    answer = prediction.Predict(request(), TIMEOUT)
    assert [dim.size for dim in answer.outputs["probabilities"].tensor_shape.dim] == [1, 3]
    assert answer.model_spec.name == "classifier" and answer.model_spec.version.value in [max(versions) for versions in SERVED], answer.model_spec


def predict_with_tensor_content():
    bytes_of_row = np.array(ROW, dtype="<f4").tobytes()
    typed = prediction.Predict(request(version=1), TIMEOUT)
    raw = prediction.Predict(request(version=1, tensor_content=bytes_of_row), TIMEOUT)
    assert raw.outputs["probabilities"].float_val == typed.outputs["probabilities"].float_val or raw.outputs["probabilities"].tensor_content == typed.outputs["probabilities"].tensor_content


def predict_a_version():
    for version in (1, 2):
        assert prediction.Predict(request(version=version), TIMEOUT).model_spec.version.value == version


def predict_strings():
    asked = predict_pb2.PredictRequest()
    asked.model_spec.name = "sentiment"
    asked.inputs["text"].CopyFrom(tensor({"string_val": [b"a quiet and wonderful film"]}, types_pb2.DT_STRING, [1]))
    assert [dim.size for dim in prediction.Predict(asked, TIMEOUT).outputs["probabilities"].tensor_shape.dim] == [1, 2]


def model_status():
    asked = get_model_status_pb2.GetModelStatusRequest()
    asked.model_spec.name = "classifier"
    answer = models.GetModelStatus(asked, TIMEOUT)
    states = {each.version: get_model_status_pb2.ModelVersionStatus.State.Name(each.state) for each in answer.model_version_status}
    assert states in [dict.fromkeys(versions, "AVAILABLE") for versions in SERVED], states


def model_metadata():
    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = "classifier"
    answer = prediction.GetModelMetadata(asked, TIMEOUT)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    assert signatures.signature_def["serving_default"].inputs["readings"].dtype == types_pb2.DT_FLOAT, signatures


def refusals_have_a_code():
    refuses(lambda: prediction.Predict(request("nobody"), TIMEOUT), "NOT_FOUND", "nobody")
    asked = request()
    asked.inputs["more"].CopyFrom(asked.inputs["readings"])
    refuses(lambda: prediction.Predict(asked, TIMEOUT), "INVALID_ARGUMENT")


def calls_of_one_connection_are_split_by_the_weights():
    follow_the_weights(str(prediction.Predict(request(), TIMEOUT).model_spec.version.value) for _ in range(CALLS))


run([predict_with_typed_values, predict_with_tensor_content, predict_a_version, predict_strings, model_status, model_metadata, refusals_have_a_code], of_split=[calls_of_one_connection_are_split_by_the_weights])
