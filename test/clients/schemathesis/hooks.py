"""What schemathesis can't know from the document: real pictures, raw tensors of the right size, and which model a body that is no JSON is for."""
import base64
import os
import struct

import schemathesis
from hypothesis import strategies as st

with open(os.path.join(os.environ["MODELS"], "digits", "digit.png"), "rb") as picture:
    PNG = picture.read()
# the same digit as a JPEG
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoKCgoKBggLDAsKDAkKCgr/wAALCAAIAAgBAREA"
    "/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABwQAAICAgMAAAAAAAAAAAAAAAECAxEAEwWRof/aAAgBAQAAPwAEQ5HFKrrHo0GiQLMpbu68z//Z"
)
FEATURES = 5
finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
rows = st.lists(st.tuples(*[finite] * FEATURES), min_size=1, max_size=20)

schemathesis.openapi.media_type("image/png", st.just(PNG))
schemathesis.openapi.media_type("image/jpeg", st.just(JPEG))
schemathesis.openapi.media_type("application/octet-stream", rows.map(lambda many: b"".join(struct.pack("<5f", *row) for row in many)))
schemathesis.openapi.format("byte", st.sampled_from([base64.b64encode(PNG).decode(), base64.b64encode(JPEG).decode()]))

NO_NUMBER = "the model computes no number from this input"


@schemathesis.check
def no_server_error(ctx, response, case):
    """In place of not_a_server_error: rows of huge numbers, which the document can't tell from others, overflow in the network, and that is said."""
    assert response.status_code < 500 or NO_NUMBER in response.text, f"server error {response.status_code}: {response.text[:300]}"


MODEL_OF = {"image/png": "digits", "image/jpeg": "digits", "application/octet-stream": "classifier"}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Which model a raw body is for depends on the body, which a document can't say."""
    model = MODEL_OF.get(case.media_type)
    if model is None or case.meta is None or case.meta.generation.mode.is_negative:
        return
    case.query = {"modelName": model}
    case.headers.pop("Slipway-Model-Version", None)
