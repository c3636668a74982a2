"""tritonclient over gRPC: unary, asynchronous and streamed calls, as its simple_grpc_* examples make them."""
import queue

import numpy as np
import tritonclient.grpc as triton
from harness import CALLS, HOST, follow_the_weights, refuses, run

client = triton.InferenceServerClient(url=HOST)
A = np.arange(16, dtype=np.int32).reshape(1, 16)
B = np.full((1, 16), 2, dtype=np.int32)


def inputs():
    pair = [triton.InferInput("INPUT0", [1, 16], "INT32"), triton.InferInput("INPUT1", [1, 16], "INT32")]
    pair[0].set_data_from_numpy(A)
    pair[1].set_data_from_numpy(B)
    return pair


OUTPUTS = [triton.InferRequestedOutput("OUTPUT0"), triton.InferRequestedOutput("OUTPUT1")]


def expect(result):
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), A + B)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), A - B)


def health():
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("simple")


def metadata():
    assert client.get_server_metadata().name
    model = client.get_model_metadata("simple")
    assert {tensor.name: tensor.datatype for tensor in model.inputs} == {"INPUT0": "INT32", "INPUT1": "INT32"}, model
    assert client.get_model_config("simple").config.name == "simple"
    assert "simple" in [model.name for model in client.get_model_repository_index().models]


def infer():
    expect(client.infer("simple", inputs(), outputs=OUTPUTS, request_id="17"))
    assert client.infer("simple", inputs(), request_id="18").get_response().id == "18"


def infer_compressed():
    expect(client.infer("simple", inputs(), outputs=OUTPUTS, compression_algorithm="gzip"))


def async_infer():
    answers = queue.Queue()
    for _ in range(8):
        client.async_infer("simple", inputs(), lambda result, error: answers.put((result, error)), outputs=OUTPUTS)
    for _ in range(8):
        result, error = answers.get(timeout=20)
        assert error is None, error
        expect(result)


def stream_infer():
    answers = queue.Queue()
    with triton.InferenceServerClient(url=HOST) as streaming:
        streaming.start_stream(callback=lambda result, error: answers.put((result, error)))
        for _ in range(4):
            streaming.async_stream_infer("simple", inputs(), outputs=OUTPUTS)
        for _ in range(4):
            result, error = answers.get(timeout=20)
            assert error is None, error
            expect(result)
        streaming.stop_stream()


def strings():
    text = triton.InferInput("text", [1, 1], "BYTES")
    text.set_data_from_numpy(np.array([["a quiet and wonderful film"]], dtype=np.object_))
    assert client.infer("sentiment", [text]).as_numpy("probabilities").shape == (1, 2)


def statistics():
    client.infer("simple", inputs(), model_version="1")
    assert client.get_inference_statistics("simple", "1").model_stats[0].inference_count > 0


def refusals_say_why():
    refuses(lambda: client.infer("nobody", inputs()), "nobody", "NOT_FOUND")
    refuses(lambda: client.infer("simple", inputs()[:1]), "INVALID_ARGUMENT", "INPUT1")


def calls_of_one_connection_are_split_by_the_weights():
    follow_the_weights(client.infer("simple", inputs()).get_response().model_version for _ in range(CALLS))


run([health, metadata, infer, infer_compressed, async_infer, stream_infer, strings, statistics, refusals_say_why], of_split=[calls_of_one_connection_are_split_by_the_weights])
