"""Captured requests mean here the pixels they meant to the server."""

from __future__ import annotations

import base64
import io
import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from components.capture import payloads
from components.errors import ImageError
from components.images import Pixels, encode_png
from components.serve.limits import Limits
from components.serve.protocols import open_inference, sagemaker

IMAGE = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
TWO = np.stack([IMAGE, 255 - IMAGE])
OCTETS = "application/octet-stream"


def saved(array: NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(IMAGE).save(buffer, kind)
    return buffer.getvalue()


def document(**found: object) -> bytes:
    return json.dumps(found).encode()


def same(found: list[Pixels], expected: list[Pixels]) -> bool:
    return len(found) == len(expected) and all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


TEXTS = [base64.b64encode(encode_png(image)).decode() for image in TWO]
INVOCATIONS = [
    (picture("JPEG"), "image/jpeg"),
    (picture("PNG"), "image/png"),
    (picture("PPM"), "application/x-image"),
    (saved(IMAGE), "application/x-npy"),
    (saved(np.asfortranarray(TWO)), "application/x-npy"),
    (document(images=TEXTS), "application/json"),
    (document(instances=TWO.tolist()), "application/json"),
]


@pytest.mark.parametrize(("body", "kind"), INVOCATIONS, ids=[f"{k} {i}" for i, (_, k) in enumerate(INVOCATIONS)])
def test_what_sagemakers_route_takes_is_read_alike(body: bytes, kind: str) -> None:
    assert same(payloads.images(body, kind), sagemaker.images(body, kind, Limits()))
    assert same(payloads.images(body, f"{kind}; charset=utf-8"), sagemaker.images(body, kind, Limits()))


PIXELS = {"name": "images", "datatype": "UINT8", "shape": list(TWO.shape)}
FILES = {"name": "images", "datatype": "BYTES", "shape": [2]}
PNGS = b"".join(struct.pack("<I", len(png)) + png for png in map(encode_png, TWO))


@pytest.mark.parametrize(
    ("tensor", "tail"),
    [
        ({**PIXELS, "data": TWO.ravel().tolist()}, b""),
        ({**PIXELS, "data": TWO.tolist()}, b""),
        ({**PIXELS, "shape": [5, 7, 3], "data": IMAGE.ravel().tolist()}, b""),
        ({**PIXELS, "parameters": {"binary_data_size": TWO.nbytes}}, TWO.tobytes()),
        ({**FILES, "data": TEXTS}, b""),
        ({**FILES, "parameters": {"binary_data_size": len(PNGS)}}, PNGS),
    ],
    ids=["flat", "nested", "one", "binary", "texts", "files"],
)
def test_what_open_inference_protocol_takes_is_read_alike(tensor: dict[str, object], tail: bytes) -> None:
    head = document(inputs=[tensor])
    length = len(head) if tail else None
    expected = open_inference.parse(head + tail, length, ("class",), Limits()).images
    captured = f"{OCTETS}; inference-header-content-length={length}" if tail else "application/json"
    assert same(payloads.images(head + tail, captured), expected)


@settings(max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=60).map(lambda tail: b"\x93NUMPY\x01\x00" + tail),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["inputs", "images", "instances", "data", "datatype", "shape"]), inner, max_size=3
                )
            ),
            max_leaves=12,
        ).map(lambda found: json.dumps(found).encode()),
    ),
    st.sampled_from(
        [None, "", "image/png", "application/json", "application/x-npy", "a; inference-header-content-length=9"]
    ),
)
def test_whatever_else_comes_is_unreadable_and_nothing_worse(body: bytes, kind: str | None) -> None:
    try:
        found = payloads.images(body, kind)
    except ImageError:
        return
    assert all(image.dtype == np.uint8 and image.ndim == 3 for image in found)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (saved(IMAGE / 255), "application/x-npy"),
        (saved(np.array([{}], object)), "application/x-npy"),
        (document(instances=[[[[0, 0, 256]]]]), "application/json"),
        (document(images=["no base64"]), "application/json"),
    ],
)
def test_what_is_no_picture_is_refused(body: bytes, kind: str) -> None:
    with pytest.raises(ImageError):
        payloads.images(body, kind)
