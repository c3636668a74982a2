"""Runs a block of the docs as it stands there: run_block.py FILE. KServe's package is reduced to its client side."""
import runpy
import sys

import kserve_client_side  # noqa: F401

runpy.run_path(sys.argv[1], run_name="__main__")
