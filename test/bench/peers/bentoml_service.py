"""A BentoML service as its documentation shows: numpy in, numpy out, one worker. ONNX Runtime runs the model."""
import os

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=1, traffic={"timeout": 60})
class Mlp:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["BENCH_THREADS"])
        self._session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    @bentoml.api
    def predict(self, x: np.ndarray) -> np.ndarray:
        [y] = self._session.run([self._output], {self._input: x.astype(np.float32)})
        return y
