# Takes libtensorflow, its C headers and its licences out of a TensorFlow wheel: unpack.py WHEEL FOLDER.
# It must not know where either comes from. Python, because whoever has pip to download the wheel has this too.
import os
import shutil
import sys
import zipfile

LIBRARIES = ("tensorflow/libtensorflow_cc.so.2", "tensorflow/libtensorflow_framework.so.2")
INCLUDE = "tensorflow/include/"
HEADERS = ("tensorflow/c/", "tensorflow/core/platform/ctstring", "tsl/platform/ctstring", "tsl/c/", "xla/tsl/c/")


def destination(name):
    """Path of a wheel's file below the folder, or None if it is not needed."""
    if name in LIBRARIES:
        return "lib/" + os.path.basename(name)
    if name.startswith(INCLUDE) and name.endswith(".h"):
        header = name[len(INCLUDE):]
        if header.startswith("external/"):
            header = header.split("/", 2)[2]
        return "include/" + header if header.startswith(HEADERS) else None
    if name.endswith(".dist-info/METADATA") or "/LICENSE" in name or "THIRD_PARTY" in name:
        return "licenses/" + os.path.basename(name)
    return None


wheel, folder = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        relative = destination(entry.filename)
        if relative is None:
            continue
        target = os.path.join(folder, relative)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with archive.open(entry) as source, open(target, "wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
