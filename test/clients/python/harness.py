"""Runs a client's checks and prints one JSON line for each: {"name", "ok", "error"}. Must not know a client."""
import json
import sys
import traceback


def run(checks):
    for check in checks:
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


HOST = sys.argv[1] if len(sys.argv) > 1 else ""
