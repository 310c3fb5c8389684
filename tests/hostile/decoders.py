"""Every decoder of bytes that a stranger may send or leave, with what it may raise, and whole examples to damage.

One table for three uses: ``test_decoders.py`` damages the examples within seconds, ``fuzz.py`` does so for hours with
coverage as its guide, and what either found stays in ``corpus/<decoder>/`` and is tried each time.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import hostile_pictures as pictures
import numpy as np

from components import images
from components.capture import payloads, predictions, privacy, record
from components.capture import pictures as files
from components.capture.record import Exchange
from components.clarify import answers
from components.clarify.config import AnalysisConfig
from components.errors import (
    EndpointError,
    ImageError,
    InputError,
    LimitError,
    RecordError,
    RequestError,
    RoadworthyError,
    SignatureError,
)
from components.package import bundle, manifest, params, symbol, weights
from components.package.description import ModelDescription
from components.serve.limits import Limits
from components.serve.protocols import media, npy, open_inference, sagemaker

CORPUS = Path(__file__).with_name("corpus")
NOON = 1_644_840_000.0
SMALL = Limits(body_bytes=1 << 20, images=8, pixels=1 << 16, side=4096, request_pixels=1 << 18)


class Decoder(NamedTuple):
    """A function of bytes, the only errors that it may raise, and examples that it takes."""

    run: Callable[[bytes], Any]
    errors: tuple[type[BaseException], ...]
    examples: list[bytes]


def _numpy(array: Any) -> bytes:
    return npy.write(array)


def _tensor(**changes: Any) -> bytes:
    given = {"name": "images", "datatype": "UINT8", "shape": [1, 1, 3], "data": [1, 2, 3], **changes}
    return json.dumps({"inputs": [{k: v for k, v in given.items() if v is not ...}], "id": "a"}).encode()


def _binary(head: bytes, tail: bytes) -> bytes:
    return struct.pack("<H", len(head)) + head + tail


def _infer(data: bytes) -> Any:
    """Two bytes say how much of the body is JSON, as the header would."""
    length = int.from_bytes(data[:2], "little") if len(data) > 1 else None
    return open_inference.parse(data[2:], length, ("class", "probabilities"), SMALL)


def _invoke(data: bytes) -> Any:
    kind, _, body = data.partition(b"\n")
    return sagemaker.images(body, kind.decode("latin-1"), SMALL)


def _captured(data: bytes) -> Any:
    kind, _, body = data.partition(b"\n")
    return payloads.images(body, kind.decode("latin-1"))


def _stripped(data: bytes) -> Any:
    """A picture without its metadata is the same picture, and has none."""
    found, limits = files.without_metadata(data), images.Limits(1 << 20, 1 << 16, 4096)
    try:
        before = images.decode(data, limits)
    except ImageError:
        before = None
    if files.without_metadata(found) is not found:
        raise ValueError("expected nothing more to remove, found something")
    if before is not None and not np.array_equal(images.decode(found, limits), before):
        raise ValueError("expected the same pixels, found others")
    return found


def _private(data: bytes) -> Any:
    kind, _, body = data.partition(b"\n")
    found = privacy.cleaned(Exchange("e", NOON, body, kind.decode("latin-1"), body, None)).exchange
    if privacy.cleaned(found).exchange is not found:
        raise ValueError("expected nothing more to remove, found something")
    return found


def _answered(data: bytes) -> Any:
    kind, _, body = data.partition(b"\n")
    return predictions.predictions(body, kind.decode("latin-1"))


def _detected(data: bytes) -> Any:
    kind, _, body = data.partition(b"\n")
    return answers.detections(body, kind.decode("latin-1"), 1)


def _probable(data: bytes) -> Any:
    kind, _, body = data.partition(b"\n")
    return answers.probabilities(body, kind.decode("latin-1"), 1)


def _accepted(data: bytes) -> Any:
    return media.negotiate(data.decode("latin-1"), ("application/json", "application/x-npy"))


def _sealed(statement: bytes) -> bytes:
    """A model's signature around a statement; nobody made it."""
    envelope = {"payload": base64.b64encode(statement).decode(), "payloadType": bundle.PAYLOAD_TYPE}
    material = {"publicKey": {"hint": "0" * 64}, "tlogEntries": []}
    sealed = {"mediaType": bundle.MEDIA_TYPE, "verificationMaterial": material}
    return json.dumps({**sealed, "dsseEnvelope": {**envelope, "signatures": [{"sig": "AAAA", "keyid": ""}]}}).encode()


def _statement() -> bytes:
    method = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": ["model.sig"]}
    files = [{"name": name, "algorithm": "sha256", "digest": "0" * 64} for name in ("manifest.json", "a")]
    said = {"_type": bundle.STATEMENT, "subject": [{"name": "a", "digest": {"sha256": "0" * 64}}]}
    predicate = {"predicateType": bundle.PREDICATE, "predicate": {"serialization": method, "resources": files}}
    return json.dumps({**said, **predicate}).encode()


PICTURE = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
FILE = struct.pack("<I", len(pictures.plain(4, 4))) + pictures.plain(4, 4)
TAGGED = struct.pack("<I", len(pictures.jpeg(gps=True))) + pictures.jpeg(gps=True)
TENSOR = _tensor(data=..., datatype="BYTES", shape=[1], parameters={"binary_data_size": len(TAGGED)})
LINE = record.encode(Exchange("e", NOON, b"\xff\xd8", "image/jpeg", b"[[14]]", "application/json", "i"))
SAFE = struct.pack("<Q", 64) + b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'.ljust(64) + bytes(8)
DESCRIBED = b'{"format": 1, "name": "a", "task": "classification", "framework": "torch", "labels": ["a"]}'
BOX = b'{"class": 1, "score": 0.5, "box": {"xmin": 0, "ymin": 0, "xmax": 1, "ymax": 1}}'
DETECTED = b'{"predictions": [{"detections": [' + BOX + b"]}]}"
CONFIG = b'{"methods": {"shap": {"image_config": {"model_type": "OBJECT_DETECTION", "max_objects": 3}}}}'
V2 = b'{"outputs": [{"name": "class", "data": [1]}, {"name": "probabilities", "shape": [1, 2], "data": [0.2, 0.8]}]}'

DECODERS: dict[str, Decoder] = {
    "npy": Decoder(npy.read, (RequestError,), [_numpy(PICTURE), _numpy(np.asfortranarray(PICTURE))]),
    "open_inference": Decoder(
        _infer,
        (RequestError,),
        [
            _binary(_tensor(), b""),
            _binary(_tensor(data=..., parameters={"binary_data_size": 3}), b"\1\2\3"),
            _binary(_tensor(data=..., datatype="BYTES", shape=[1], parameters={"binary_data_size": len(FILE)}), FILE),
        ],
    ),
    "invocations": Decoder(
        _invoke,
        (RequestError,),
        [
            b"application/json\n" + b'{"instances": [[[[1, 2, 3]]]]}',
            b"application/json\n" + b'{"images": ["aGVsbG8="]}',
            b"image/png\n" + pictures.plain(4, 4),
            b"application/x-npy\n" + _numpy(PICTURE),
        ],
    ),
    "accept": Decoder(_accepted, (RequestError,), [b"application/json;q=0.5, */*;q=0.1", b"application/x-npy"]),
    "images": Decoder(
        lambda data: images.decode(data, images.Limits(1 << 20, 1 << 16, 4096)),
        (ImageError,),
        [
            pictures.plain(8, 8),
            pictures.jpeg(side=(16, 16)),
            b"P6 1 1 255\nabc",
            b"P3 1 1 255\n1 2 3\n",
            b"P1 1 1\n1\n",
        ],
    ),
    "record": Decoder(record.decode, (RecordError,), [LINE]),
    "payloads": Decoder(
        _captured,
        (ImageError,),
        [
            b"application/x-npy\n" + _numpy(PICTURE),
            b"application/json\n" + _tensor(),
            b"application/json\n" + b'{"instances": [[[[1, 2, 3]]]]}',
            b"application/octet-stream; inference-header-content-length=2\n{}" + FILE,
        ],
    ),
    "pictures": Decoder(
        _stripped,
        (ImageError,),
        [pictures.jpeg(3, gps=True), pictures.plain(4, 4, before=pictures.chunk(b"tIME", b""))],
    ),
    "privacy": Decoder(
        _private,
        (),
        [
            b"image/jpeg\n" + pictures.jpeg(3, gps=True),
            b"application/json\n" + b'{"images": ["%b"]}' % base64.b64encode(pictures.jpeg(gps=True)),
            b"application/octet-stream; inference-header-content-length=%d\n" % len(TENSOR) + TENSOR + TAGGED,
        ],
    ),
    "predictions": Decoder(
        _answered,
        (),
        [
            b"application/json\n"
            + b'{"predictions": [{"class": 1, "score": 0.5, "top": [{"class": 1, "score": 0.5}]}]}',
            b"application/json\n" + V2,
            b"text/csv\n" + b'14,0.9\n"Stop, now",1\n',
        ],
    ),
    "detections": Decoder(
        _detected, (EndpointError,), [b"application/json\n" + DETECTED, b"\n[[[1, 0.5, 0, 0, 1, 1]]]"]
    ),
    "probabilities": Decoder(_probable, (EndpointError,), [b"application/json\n[[0.5, 0.5]]"]),
    "names": Decoder(answers.names, (), [DETECTED]),
    "analysis_config": Decoder(AnalysisConfig.from_json, (InputError,), [CONFIG]),
    "safetensors": Decoder(weights.check, (RoadworthyError,), [SAFE]),
    "params": Decoder(params.check, (RoadworthyError,), [struct.pack("<QQQ", 0x112, 0, 0) + bytes(16)]),
    "symbol": Decoder(symbol.check, (RoadworthyError,), [b'{"nodes": [], "arg_nodes": [], "heads": []}']),
    "manifest": Decoder(manifest.Manifest.from_bytes, (RoadworthyError,), [b'{"format": 1, "files": {}}']),
    "signature": Decoder(
        lambda data: bundle.parse(data, 1 << 20), (SignatureError, LimitError), [_sealed(_statement())]
    ),
    "signed": Decoder(lambda data: bundle.parse(_sealed(data), 1 << 20), (SignatureError, LimitError), [_statement()]),
    "description": Decoder(ModelDescription.from_bytes, (RoadworthyError,), [DESCRIBED]),
}


def tried(name: str, data: bytes) -> bool:
    """Gives bytes to a decoder; returns whether it took them. Anything but its own errors passes through."""
    decoder = DECODERS[name]
    try:
        decoder.run(data)
    except decoder.errors as error:
        if len(str(error)) > 5000:
            raise ValueError(f"expected an error of a line, found {len(str(error))} characters") from error
        return False
    return True
