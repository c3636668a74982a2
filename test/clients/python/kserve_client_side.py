"""Lets `from kserve import ...` work with KServe's client modules alone: what its server side needs (fastapi, pandas, cloudevents) is not
installed, and replaced by empty modules. Import it before kserve."""
import importlib
import os
import sys
import types
from unittest.mock import MagicMock

SERVER_SIDE = ["pandas", "fastapi", "fastapi.encoders", "fastapi.responses", "fastapi.exceptions", "starlette", "starlette.responses", "starlette.requests"]
SERVER_SIDE += ["cloudevents", "cloudevents.http", "cloudevents.conversion", "cloudevents.sdk", "cloudevents.sdk.converters", "cloudevents.sdk.converters.util", "cloudevents.exceptions"]
FROM = {
    "InferenceRESTClient": "kserve.inference_client",
    "InferenceGRPCClient": "kserve.inference_client",
    "RESTConfig": "kserve.inference_client",
    "InferInput": "kserve.protocol.infer_type",
    "InferRequest": "kserve.protocol.infer_type",
}


def exported(name):
    if name not in FROM:
        raise AttributeError(name)
    return getattr(importlib.import_module(FROM[name]), name)


installed = [os.path.join(path, "kserve") for path in sys.path if os.path.isdir(os.path.join(path, "kserve"))]
if installed:
    package = types.ModuleType("kserve")
    package.__path__ = installed[:1]
    package.__getattr__ = exported
    sys.modules["kserve"] = package
    for each in SERVER_SIDE:
        sys.modules[each] = MagicMock(name=each)
