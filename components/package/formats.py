"""What a file is that claims to be weights, by its first bytes; nothing is decoded, let alone unpickled.

The formats that run code when they are loaded come first: PyTorch's own ``.pt``, TorchScript, and NumPy arrays of
objects are all pickles; ONNX may name any file of the machine as external data.
"""

from __future__ import annotations

import re

_SEARCHED = 128 * 1024

_MAGIC = {
    b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19": "a PyTorch checkpoint of the old kind, which is a pickle",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"\x12\x01\x00\x00\x00\x00\x00\x00": "an MXNet parameter file",
    b"GGUF": "a GGUF file",
    b"\x1f\x8b": "a gzip file",
    b"BZh": "a bzip2 file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"\xfd7zXZ": "an xz file",
    b"\x7fELF": "a program",
    b"version https://git-lfs": "a Git LFS pointer, not the file it points to",
}
_PICKLE = re.compile(
    rb"\x80[\x02-\x05][\x95c}\](\x8cXKM\x8a]|\(?[dl]p\d+\r?\n|\(?c[A-Za-z_][\w.]*\r?\n[\w.]+\r?\n|\(i[\w.]+\r?\n"
)
# ModelProto begins with ir_version (field 1, a small varint) and goes on with one of its fields 2 to 8.
_ONNX = re.compile(rb"\x08[\x01-\x1f][\x12\x1a\x22\x28\x32\x3a\x42]", re.DOTALL)


def name_of(data: bytes) -> str | None:
    """Names the format of a file that is no safetensors, or returns None for one that is not known.

    Args:
        data: The whole file.
    """
    if data.startswith(b"PK\x03\x04"):
        return _zip(data)
    if data.startswith(b"\x93NUMPY"):
        objects = re.search(rb"'descr': *'\|O", data[:_SEARCHED]) is not None
        return "a NumPy array of objects, which are pickles" if objects else "a NumPy array (.npy)"
    for magic, name in _MAGIC.items():
        if data.startswith(magic):
            return name
    if _PICKLE.match(data):
        return "a pickle"
    if _ONNX.match(data):
        external = b"location" in data[:_SEARCHED] or b"location" in data[-_SEARCHED:]
        return "an ONNX model with external data" if external else "an ONNX model"
    return "text" if data[:1] in (b"{", b"<", b"#", b"[") else None


def _zip(data: bytes) -> str:
    # The names of a zip's members stand before each and once more at its end; the zip itself is not to be trusted.
    names = data[:_SEARCHED] + data[-_SEARCHED:]
    if b"constants.pkl" in names:
        return "a TorchScript archive, which holds code and pickles"
    if b"data.pkl" in names:
        return "a PyTorch checkpoint (.pt), which holds a pickle"
    if b".npy" in names:
        return "a NumPy archive (.npz)"
    return "a zip archive"
