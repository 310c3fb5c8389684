"""Decoding with limits, and the preprocessing contract."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from components.errors import ImageError, InputError, OversizeError
from components.images import Limits, Preprocessing, decode, encode_png

PIXELS = arrays.arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24), st.just(3)))


def saved(mode: str, kind: str, **options: object) -> bytes:
    pixels = np.linspace(0, 255, 8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def a_png_that_claims(width: int, height: int) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@given(PIXELS)
def test_a_png_comes_back_to_the_pixel(image: np.ndarray) -> None:
    np.testing.assert_array_equal(decode(encode_png(image)), image)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [(m, "PNG") for m in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")] + [(m, "JPEG") for m in ("L", "RGB", "CMYK")],
)
def test_every_colour_mode_becomes_rgb(mode: str, kind: str) -> None:
    if mode == "I;16":
        buffer = io.BytesIO()
        Image.fromarray(np.full((8, 12), 0x8001, np.uint16)).save(buffer, "PNG")
        image = decode(buffer.getvalue())
        assert (image == 0x80).all()
    else:
        image = decode(saved(mode, kind))
    assert (image.shape, image.dtype) == ((8, 12, 3), np.uint8)


def test_alpha_is_laid_over_black() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (2, 2), (200, 100, 50, 0)).save(buffer, "PNG")
    assert not decode(buffer.getvalue()).any()


@given(
    image=PIXELS,
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    quality=st.sampled_from([1, 30, 75, 95]),
    progressive=st.booleans(),
    colours=st.sampled_from([{"subsampling": s} for s in ("4:4:4", "4:2:2", "4:2:0")] + [{"keep_rgb": True}]),
)
def test_a_jpeg_has_the_pixels_that_pillow_gives(
    image: np.ndarray, size: tuple[int, int], quality: int, progressive: bool, colours: dict[str, object]
) -> None:
    file = io.BytesIO()
    smooth = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)  # Pillow's buffer is too small for noise
    smooth.save(file, "JPEG", quality=quality, progressive=progressive, **colours)
    np.testing.assert_array_equal(decode(file.getvalue()), np.asarray(Image.open(file).convert("RGB")))


def test_a_jpeg_bomb_is_refused_before_it_is_decoded() -> None:
    file = io.BytesIO()
    Image.new("RGB", (5_001, 5_000)).save(file, "JPEG")
    with pytest.raises(OversizeError, match="found 5001 × 5000"):
        decode(file.getvalue())


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "WEBP", "EPS", "PCX"])
def test_formats_that_are_not_listed_are_refused(kind: str) -> None:
    with pytest.raises(ImageError, match="expected a whole JPEG, PNG, PPM image"):
        decode(saved("RGB", kind))


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"<svg/>", b"%!PS-Adobe-3.0"])
def test_bytes_that_are_no_image_are_refused(data: bytes) -> None:
    with pytest.raises(ImageError):
        decode(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_an_image_cut_short_is_refused_unless_every_pixel_was_there(kind: str) -> None:
    data = saved("RGB", kind)
    refused = 0
    for end in range(1, len(data) - 1):
        try:  # a PNG may lose the checksum behind its last pixel
            np.testing.assert_array_equal(decode(data[:end]), decode(data))
        except ImageError:
            refused += 1
    assert refused >= len(data) - 32


@pytest.mark.parametrize("size", [(65_535, 65_535), (10_001, 1), (1, 2**31 - 1), (5_001, 5_000)])
def test_a_pixel_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError):
        decode(a_png_that_claims(*size))


def test_the_limit_on_bytes_holds() -> None:
    data = saved("RGB", "PNG")
    assert decode(data, Limits(bytes=len(data))).shape == (8, 12, 3)
    with pytest.raises(ImageError, match=f"at most {len(data) - 1} bytes, found {len(data)}"):
        decode(data, Limits(bytes=len(data) - 1))


@settings(max_examples=200)
@given(st.binary(max_size=64), st.sampled_from(["JPEG", "PNG"]), st.data())
def test_damage_is_an_image_error_or_pixels_and_never_anything_else(
    noise: bytes, kind: str, data: st.DataObject
) -> None:
    whole = bytearray(saved("RGB", kind))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at : at + len(noise)] = noise
    with contextlib.suppress(ImageError):
        assert decode(bytes(whole)).shape[2] == 3


def contracts() -> st.SearchStrategy[Preprocessing]:
    side, unit = st.integers(1, 64), st.floats(0.01, 1)
    three = st.tuples(unit, unit, unit)
    return st.builds(
        Preprocessing,
        side,
        side,
        three,
        three,
        st.sampled_from(["RGB", "BGR"]),
        st.sampled_from(["bilinear", "nearest"]),
    )


@given(contracts())
def test_a_contract_survives_its_json(contract: Preprocessing) -> None:
    assert Preprocessing.from_json(json.loads(json.dumps(contract.to_json()))) == contract


@given(contracts(), PIXELS)
def test_normalize_is_the_textbook_formula(contract: Preprocessing, image: np.ndarray) -> None:
    resized = contract.resize(image)
    assert resized.shape == (contract.height, contract.width, 3)
    ordered = resized if contract.channel_order == "RGB" else resized[..., ::-1]
    expected = (ordered / 255.0 - np.array(contract.mean)) / np.array(contract.std)
    found = contract.normalize(resized[None])
    assert (found.shape, found.dtype) == ((1, 3, contract.height, contract.width), np.float32)
    np.testing.assert_allclose(found[0].transpose(1, 2, 0), expected, atol=2e-4, rtol=1e-4)


@given(PIXELS)
def test_an_image_that_fits_is_not_touched(image: np.ndarray) -> None:
    assert Preprocessing(image.shape[0], image.shape[1]).resize(image) is image


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"height": 0}, "height from 1 to 8192, found 0"),
        ({"height": True}, "height"),
        ({"width": 9000}, "width"),
        ({"width": 3.5}, "width"),
        ({"mean": [0.1, 0.2]}, "three finite numbers as mean"),
        ({"mean": "abc"}, "mean"),
        ({"std": [0.1, 0.0, 0.1]}, "over 0 as std"),
        ({"std": [0.1, float("nan"), 0.1]}, "std"),
        ({"channel_order": "RBG"}, "RGB or BGR"),
        ({"interpolation": "cubic"}, "bilinear or nearest"),
        ({"gamma": 2}, "unknown ['gamma']"),
    ],
)
def test_a_contract_without_sense_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(InputError) as refused:
        Preprocessing.from_json({"height": 8, "width": 8, **wrong})
    assert said in str(refused.value)


@pytest.mark.parametrize("found", [[], "x", None, {}, {"height": 8}])
def test_what_is_no_contract_is_refused(found: object) -> None:
    with pytest.raises(InputError, match="preprocessing: expected"):
        Preprocessing.from_json(found)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3), (1, 4, 4, 3)])
def test_resize_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="expected uint8 pixels"):
        Preprocessing(8, 8).resize(np.zeros(shape, np.uint8))
