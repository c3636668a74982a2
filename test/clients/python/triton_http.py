"""tritonclient over HTTP: what its simple_* examples do, against the model `simple` (two int32 inputs; their sum and difference)."""
import numpy as np
import tritonclient.http as triton
from harness import CALLS, HOST, follow_the_weights, refuses, run

client = triton.InferenceServerClient(url=HOST, concurrency=4)
A = np.arange(16, dtype=np.int32).reshape(1, 16)
B = np.full((1, 16), 2, dtype=np.int32)


def inputs(binary):
    pair = [triton.InferInput("INPUT0", [1, 16], "INT32"), triton.InferInput("INPUT1", [1, 16], "INT32")]
    pair[0].set_data_from_numpy(A, binary_data=binary)
    pair[1].set_data_from_numpy(B, binary_data=binary)
    return pair


def outputs(binary):
    return [triton.InferRequestedOutput("OUTPUT0", binary_data=binary), triton.InferRequestedOutput("OUTPUT1", binary_data=binary)]


def expect(result):
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), A + B)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), A - B)


def health():
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("simple")
    assert not client.is_model_ready("nobody")


def metadata():
    server = client.get_server_metadata()
    assert "binary_tensor_data" in server["extensions"], server
    model = client.get_model_metadata("simple")
    assert {tensor["name"]: tensor["datatype"] for tensor in model["inputs"]} == {"INPUT0": "INT32", "INPUT1": "INT32"}, model
    assert client.get_model_config("simple")["name"] == "simple"
    assert "simple" in [model["name"] for model in client.get_model_repository_index()]


def infer_with_binary_tensors():
    expect(client.infer("simple", inputs(True), outputs=outputs(True), request_id="17"))


def infer_with_JSON():
    expect(client.infer("simple", inputs(False), outputs=outputs(False)))


def infer_binary_in_and_JSON_out():
    expect(client.infer("simple", inputs(True), outputs=outputs(False)))


def only_the_asked_output():
    result = client.infer("simple", inputs(True), outputs=outputs(True)[:1])
    assert result.as_numpy("OUTPUT0") is not None and result.as_numpy("OUTPUT1") is None


def without_outputs_all_come():
    expect(client.infer("simple", inputs(True)))


def request_id_comes_back():
    assert client.infer("simple", inputs(True), request_id="mine").get_response()["id"] == "mine"


def async_infer():
    calls = [client.async_infer("simple", inputs(True), outputs=outputs(True)) for _ in range(8)]
    for call in calls:
        expect(call.get_result())


def compressed_both_ways():
    for algorithm in ("gzip", "deflate"):
        expect(client.infer("simple", inputs(True), outputs=outputs(True), request_compression_algorithm=algorithm, response_compression_algorithm=algorithm))


def strings():
    texts = np.array([["a quiet and wonderful film"], ["dull from start to end"]], dtype=np.object_)
    for binary in (True, False):
        text = triton.InferInput("text", [2, 1], "BYTES")
        text.set_data_from_numpy(texts, binary_data=binary)
        result = client.infer("sentiment", [text])
        assert result.as_numpy("probabilities").shape == (2, 2), result.get_response()


def statistics_count():
    before = client.get_inference_statistics("simple", "1")["model_stats"][0]["inference_count"]
    client.infer("simple", inputs(True), model_version="1")
    assert client.get_inference_statistics("simple", "1")["model_stats"][0]["inference_count"] == before + 1


def refusals_say_why():
    refuses(lambda: client.infer("nobody", inputs(True)), "nobody")
    wrong = [triton.InferInput("INPUT0", [1, 4], "INT32")]
    wrong[0].set_data_from_numpy(np.zeros((1, 4), dtype=np.int32))
    refuses(lambda: client.infer("simple", wrong), "INPUT")


def calls_are_split_by_the_weights():
    follow_the_weights(client.infer("simple", inputs(True)).get_response()["model_version"] for _ in range(CALLS))


run([health, metadata, infer_with_binary_tensors, infer_with_JSON, infer_binary_in_and_JSON_out, only_the_asked_output, without_outputs_all_come, request_id_comes_back, async_infer, compressed_both_ways, strings, statistics_count, refusals_say_why], of_split=[calls_are_split_by_the_weights])
