"""Runs a client's checks and prints one JSON line for each: {"name", "ok", "error"}. Must not know a client.

Arguments: HOST [WEIGHTS [split]]. Through a router, WEIGHTS are those of the model versions as JSON ({"1": 90, "2": 10}), one revision for each;
with `split` the checks of the split run, and no others."""
import json
import sys
import traceback
from collections import Counter

HOST = sys.argv[1] if len(sys.argv) > 1 else ""
WEIGHTS = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
CALLS = 200
MAY_DIFFER = 2


def run(checks, of_split=()):
    for check in of_split if "split" in sys.argv[3:] else checks:
        name = check.__name__.replace("_", " ")
        try:
            check()
            result = {"name": name, "ok": True}
        except Exception as error:  # a failed check must not hide the next
            result = {"name": name, "ok": False, "error": f"{type(error).__name__}: {error}\n{traceback.format_exc()}"}
        print(json.dumps(result), flush=True)


def refuses(call, *words):
    """Asserts that a call fails with all these words in its error."""
    try:
        call()
    except Exception as error:
        text = f"{error}"
        for word in words:
            assert word in text, f"{word!r} is not in {text!r}"
        return
    raise AssertionError("the call was not refused")


def follow_the_weights(versions):
    """Asserts that the versions that answered CALLS calls are those of WEIGHTS, as often as their weights say."""
    seen = Counter(versions)
    assert sum(seen.values()) == CALLS and set(seen) <= set(WEIGHTS), seen
    for version, weight in WEIGHTS.items():
        assert abs(seen[version] - CALLS * weight / 100) <= MAY_DIFFER, seen
