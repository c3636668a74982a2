"""KServe's Python server with a custom model, as its documentation shows. ONNX Runtime runs the model."""
import os
import sys

import onnxruntime
from kserve import InferRequest, InferResponse, Model, ModelServer
from kserve.utils.utils import get_predict_response


class OnnxModel(Model):
    def __init__(self, name: str):
        super().__init__(name)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["BENCH_THREADS"])
        self._session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name
        self.ready = True

    def predict(self, payload: InferRequest, headers=None, response_headers=None) -> InferResponse:
        [y] = self._session.run([self._output], {self._input: payload.inputs[0].as_numpy()})
        return get_predict_response(payload, y, self.name)


if __name__ == "__main__":
    http_port, grpc_port = int(sys.argv[1]), int(sys.argv[2])
    sys.argv = sys.argv[:1]
    ModelServer(http_port=http_port, grpc_port=grpc_port, workers=1, enable_latency_logging=False, access_log_format=None).start([OnnxModel(os.environ["BENCH_NAME"])])
