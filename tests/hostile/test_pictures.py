"""Pictures that mean harm, at a real server: refused in JSON within a bound of memory and time, or seen as they are."""

from __future__ import annotations

import base64
import json
import struct
import time
from collections.abc import Iterator
from typing import Any

import hostile_pictures as pictures
import numpy as np
import pytest
from serving import Running, serving

from components.errors import ImageError
from components.images import Limits, decode

GOOD = pictures.plain()
# What a server of the trivial model takes before its first request is about 90 MB; two decoders may each hold a picture
# of 25 million pixels several times over, and a request the 100 million pixels that it may have.
MEGABYTES = 1400


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("server")) as found:
        yield found


def said(answer: Any) -> str:
    """The one error of a refusal, which must be a line of moderate length."""
    found = json.loads(answer.data)
    assert list(found) == ["error"]
    assert "\n" not in found["error"]
    assert len(found["error"]) < 500
    return found["error"]


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"], ids=bytes.decode)
def test_a_chunk_that_unpacks_to_100_megabytes_is_refused_before_it_is_unpacked(server: Running, kind: bytes) -> None:
    before = server.megabytes("VmRSS")
    refused = server.post(pictures.text_bomb(kind, 100), "image/png")
    assert refused.status == 400
    assert "expected a whole JPEG, PNG, PPM image" in said(refused)
    assert server.megabytes("VmRSS") < before + 40
    server.healthy(GOOD)


def test_two_hundred_texts_of_a_megabyte_are_refused(server: Running) -> None:
    assert server.post(pictures.many_texts(200), "image/png").status == 400


@pytest.mark.parametrize(
    ("size", "status"),
    [((1, 1), 200), ((1, 10_000), 200), ((10_000, 1), 200), ((1, 100_000), 413), ((100_000, 1), 413)],
)
def test_extreme_sides_are_answered_within_the_limit_and_refused_beyond(
    server: Running, size: tuple[int, int], status: int
) -> None:
    answer = server.post(pictures.plain(*size), "image/png")
    assert answer.status == status
    if status == 413:
        assert f"found {size[0]} × {size[1]} pixels" in said(answer)
    else:
        assert json.loads(answer.data)["predictions"][0]["class"] == 0x21 // 6


def test_of_ten_thousand_frames_the_first_is_seen_and_no_time_is_spent_on_the_others(server: Running) -> None:
    body, started = pictures.frames(10_000), time.monotonic()
    answer = server.post(body, "image/png")
    assert answer.status == 200
    assert answer.data == server.post(GOOD, "image/png").data
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("value", [0.5, 200.0, float("nan"), float("inf")])
def test_a_picture_of_floats_is_refused_and_not_taken_for_a_black_one(server: Running, value: float) -> None:
    refused = server.post(pictures.floats(value=value), "application/x-image")
    assert refused.status == 400
    assert "expected PNM of whole numbers" in said(refused)


@pytest.mark.parametrize("magic", [b"P0CMYK", b"PyP", b"PyRGBA", b"PyCMYK", b"PF", b"P7"], ids=bytes.decode)
def test_pillows_own_forms_of_pnm_are_refused(server: Running, magic: bytes) -> None:
    assert server.post(magic + b"\n2 2 255\n" + b"\x10" * 64, "application/x-image").status == 400


def test_sixteen_bits_become_eight_and_no_other_number() -> None:
    for data in (b"P6 1 1 65535\n" + b"\x80\x01" * 3, b"P5 1 1 65535\n\x80\x01"):
        assert decode(data).tolist() == [[[128, 128, 128]]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_not_applied_so_boxes_refer_to_the_stored_pixels(server: Running, orientation: int) -> None:
    turned, plain = pictures.jpeg(orientation), pictures.jpeg()
    assert np.array_equal(decode(turned), pictures.pixels(plain))
    assert server.post(turned, "image/jpeg").data == server.post(plain, "image/jpeg").data


def test_where_a_picture_was_taken_reaches_no_page() -> None:
    """Pages show pixels that were encoded again; what a camera wrote beside them stays in the record."""
    from components.report.thumbnails import strip, thumbnail

    taken = pictures.jpeg(gps=True)
    assert b"Exif" in taken
    for shown in (thumbnail(taken, 96), strip([taken, taken], 48)):
        assert b"Exif" not in shown


def test_a_jpeg_that_is_a_zip_as_well_is_a_jpeg(server: Running) -> None:
    answer = server.post(pictures.polyglot(), "image/jpeg")
    assert answer.status == 200
    assert answer.data == server.post(pictures.jpeg(), "image/jpeg").data
    assert server.post(pictures.polyglot(), "application/zip").status == 415


def in_json(files: list[bytes]) -> tuple[bytes, str, str, dict[str, str]]:
    texts = [base64.b64encode(file).decode() for file in files]
    return json.dumps({"images": texts}).encode(), "application/json", "/invocations", {}


def in_tensors(files: list[bytes]) -> tuple[bytes, str, str, dict[str, str]]:
    tail = b"".join(struct.pack("<I", len(file)) + file for file in files)
    tensor = {"name": "images", "datatype": "BYTES", "shape": [len(files)]}
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": len(tail)}}]}).encode()
    sized = {"Inference-Header-Content-Length": str(len(head))}
    return head + tail, "application/octet-stream", "/v2/models/trivial/infer", sized


@pytest.mark.slow
@pytest.mark.parametrize("form", [in_json, in_tensors])
def test_a_hundred_pixel_bombs_in_one_request_take_no_more_memory_than_a_few(server: Running, form: Any) -> None:
    """128 pictures of 25 million pixels are 10 GB, and 12 MB as files: each is within its limit, and so is the body."""
    bomb = pictures.plain(4000, 4000)
    body, kind, path, headers = form([bomb] * 128)
    assert len(body) < 16 << 20
    started = time.monotonic()
    refused = server.post(body, kind, path, **headers)
    assert refused.status == 413
    assert "pixels in a request" in said(refused)
    assert time.monotonic() - started < 60
    assert server.megabytes() < MEGABYTES
    server.healthy(GOOD)


@pytest.mark.slow
def test_the_largest_picture_that_is_allowed_takes_a_bounded_share_of_memory(server: Running) -> None:
    for pixel in (b"\x21\x28\x28\x80", b"\x21"):
        assert server.post(pictures.plain(5000, 5000, pixel), "image/png").status == 200
    assert server.megabytes() < MEGABYTES


def test_as_many_pixels_as_a_request_may_have_are_read() -> None:
    assert Limits().pixels < 100_000_000
    with pytest.raises(ImageError):
        decode(pictures.plain(5001, 5000))
