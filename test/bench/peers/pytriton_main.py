"""PyTriton: Triton itself with its Python backend, and the function it calls, with Triton's dynamic batching. ONNX Runtime runs the model."""
import os
import sys

import numpy as np
import onnxruntime
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ["BENCH_THREADS"])
session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
[source], [target] = session.get_inputs(), session.get_outputs()


@batch
def infer(**inputs):
    [x] = inputs.values()
    return {target.name: session.run([target.name], {source.name: x})[0]}


if __name__ == "__main__":
    http_port, grpc_port, metrics_port = map(int, sys.argv[1:4])
    config = TritonConfig(http_address="127.0.0.1", http_port=http_port, grpc_address="127.0.0.1", grpc_port=grpc_port, metrics_port=metrics_port)
    with Triton(config=config) as triton:
        triton.bind(
            model_name=os.environ["BENCH_NAME"],
            infer_func=infer,
            inputs=[Tensor(name=source.name, dtype=np.float32, shape=tuple(-1 if isinstance(d, str) else d for d in source.shape[1:]))],
            outputs=[Tensor(name=target.name, dtype=np.float32, shape=tuple(-1 if isinstance(d, str) else d for d in target.shape[1:]))],
            config=ModelConfig(batching=True, max_batch_size=32, batcher=DynamicBatcher(max_queue_delay_microseconds=0)),
        )
        triton.serve()
