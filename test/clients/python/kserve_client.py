"""KServe's own Python client, REST (V1 and V2) and gRPC. Only its client modules are imported."""
import asyncio

import kserve_client_side  # noqa: F401
from harness import CALLS, HOST, follow_the_weights, refuses, run
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

URL = f"http://{HOST}"
ROW = [0.2, 0.1, 0.4, 0.3, 0.5]


def rest(protocol):
    return InferenceRESTClient(RESTConfig(protocol=protocol, retries=0, timeout=20))


def request():
    return InferRequest(model_name="classifier", infer_inputs=[InferInput(name="readings", shape=[1, 5], datatype="FP32", data=ROW)])


def V1_is_live_and_ready():
    client = rest("v1")
    assert asyncio.run(client.is_model_ready(URL, "classifier"))


def V1_predict():
    answer = asyncio.run(rest("v1").infer(URL, {"instances": [ROW, ROW]}, model_name="classifier"))
    assert len(answer["predictions"]) == 2, answer


def V1_explain():
    answer = asyncio.run(rest("v1").explain(URL, "classifier", {"instances": [ROW]}))
    assert answer, answer


async def live_and_ready(client):
    return [await client.is_server_live(URL), await client.is_server_ready(URL), await client.is_model_ready(URL, "classifier")]


def V2_is_live_and_ready():
    assert asyncio.run(live_and_ready(rest("v2"))) == [True, True, True]


def V2_infer():
    answer = asyncio.run(rest("v2").infer(URL, request(), model_name="classifier"))
    assert answer.outputs[0].shape == [1, 3], answer


async def over_grpc(call):
    client = InferenceGRPCClient(HOST, retries=0)
    try:
        return await call(client)
    finally:
        await client.close()


def gRPC_is_ready():
    assert asyncio.run(over_grpc(lambda client: client.is_server_ready()))
    assert asyncio.run(over_grpc(lambda client: client.is_model_ready("classifier")))


def gRPC_infer():
    answer = asyncio.run(over_grpc(lambda client: client.infer(request())))
    assert list(answer.outputs[0].shape) == [1, 3], answer


def calls_of_one_connection_are_split_by_the_weights():
    async def versions(client):
        return [(await client.infer(request())).model_version.removeprefix("v") for _ in range(CALLS)]

    follow_the_weights(asyncio.run(over_grpc(versions)))


def refusals_say_why():
    refuses(lambda: asyncio.run(rest("v2").infer(URL, request(), model_name="nobody")), "404")


run([V1_is_live_and_ready, V1_predict, V1_explain, V2_is_live_and_ready, V2_infer, gRPC_is_ready, gRPC_infer, refusals_say_why], of_split=[calls_of_one_connection_are_split_by_the_weights])
