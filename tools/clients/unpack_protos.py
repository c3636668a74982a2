"""Takes the generated proto modules out of a TensorFlow wheel: unpack_protos.py WHEEL FOLDER. They import nothing but protobuf."""
import sys
import zipfile

PREFIXES = ("tensorflow/core/", "tensorflow/tsl/", "tsl/", "xla/")

with zipfile.ZipFile(sys.argv[1]) as wheel:
    for name in wheel.namelist():
        if name.startswith(PREFIXES) and name.endswith("_pb2.py"):
            wheel.extract(name, sys.argv[2])
