"""tritonclient with asyncio, over HTTP and gRPC."""
import asyncio

import numpy as np
import tritonclient.grpc.aio as over_grpc
import tritonclient.http.aio as over_http
from harness import CALLS, HOST, follow_the_weights, run

A = np.arange(16, dtype=np.int32).reshape(1, 16)
B = np.full((1, 16), 2, dtype=np.int32)


async def many(module, calls=8):
    async with module.InferenceServerClient(url=HOST) as client:
        pair = [module.InferInput("INPUT0", [1, 16], "INT32"), module.InferInput("INPUT1", [1, 16], "INT32")]
        pair[0].set_data_from_numpy(A)
        pair[1].set_data_from_numpy(B)
        results = await asyncio.gather(*(client.infer("simple", pair) for _ in range(calls)))
        for result in results:
            np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), A + B)
        return results


def concurrent_calls_over_HTTP():
    asyncio.run(many(over_http))


def concurrent_calls_over_gRPC():
    asyncio.run(many(over_grpc))


def concurrent_calls_of_one_connection_are_split_by_the_weights():
    follow_the_weights(result.get_response().model_version for result in asyncio.run(many(over_grpc, CALLS)))


run([concurrent_calls_over_HTTP, concurrent_calls_over_gRPC], of_split=[concurrent_calls_of_one_connection_are_split_by_the_weights])
