"""Pictures that tell where, when and by whom they were taken, in every place that their formats have for it."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, PngImagePlugin

SECRET = b"52.5163N 13.3777E by Jane Roe"
"""What must not be in a record; it is put into everything here."""

TEXT = SECRET.decode()


def pixels(seed: int, side: tuple[int, int] = (40, 24)) -> Image.Image:
    """Returns a picture of noise over steps, of that width and height."""
    random = np.random.default_rng(seed)
    width, height = side
    steps = np.linspace(0, 200, width).astype(np.uint8)[None, :, None].repeat(height, 0)
    noise = random.integers(0, 50, (height, width, 4), np.uint8)
    return Image.fromarray(steps.repeat(4, 2) + noise)


def jpeg(seed: int = 0, mode: str = "RGB", side: tuple[int, int] = (40, 24), **options: object) -> bytes:
    """Returns a JPEG as a telephone writes it: EXIF with place, author, time and orientation, and a comment."""
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x0132], exif[0x0112] = TEXT, TEXT, "2026:01:01 00:00:00", 6
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 58.5), 3: "E", 4: (13.0, 22.0, 39.9), 29: TEXT})
    buffer = io.BytesIO()
    pixels(seed, side).convert(mode).save(buffer, "JPEG", exif=exif, comment=SECRET, **options)
    return with_segments(buffer.getvalue(), SEGMENTS)


def segment(code: int, content: bytes) -> bytes:
    """Returns one segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, code, len(content) + 2) + content


def with_segments(data: bytes, segments: Sequence[bytes]) -> bytes:
    """Returns a JPEG with more segments before its first table."""
    at = data.index(b"\xff\xdb")
    return data[:at] + b"".join(segments) + data[at:]


SEGMENTS = (
    segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + SECRET),  # XMP
    segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + SECRET),
    segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x20" + SECRET),  # IPTC
    segment(0xE0, b"JFXX\0\x13\x01\x01" + SECRET),  # a thumbnail
    segment(0xE2, b"FPXR\0" + SECRET),
    segment(0xEB, b"JP\0\0" + SECRET),  # C2PA
    segment(0xE5, SECRET),
    segment(0xEF, SECRET),
    segment(0xFE, SECRET),
)


def png(seed: int = 0, mode: str = "RGB", side: tuple[int, int] = (40, 24), **options: object) -> bytes:
    """Returns a PNG with every chunk for texts and times, before and behind its pixels, and one of its own."""
    buffer = io.BytesIO()
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", TEXT)
    picture = pixels(seed, side).convert("RGB") if mode == "P" else pixels(seed, side)
    picture.convert(mode).save(buffer, "PNG", pnginfo=texts, **options)
    data = buffer.getvalue()
    before, behind = data.index(b"tEXt") - 4, data.index(b"IEND") - 4
    return data[:before] + b"".join(CHUNKS) + data[before:behind] + b"".join(CHUNKS) + data[behind:]


def chunk(kind: bytes, data: bytes) -> bytes:
    """Returns one chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


CHUNKS = (
    chunk(b"gAMA", struct.pack(">I", 50_000)),
    chunk(b"zTXt", b"Comment\0\0" + zlib.compress(SECRET)),
    chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + SECRET),
    chunk(b"eXIf", b"II*\0\x08\0\0\0\0\0" + SECRET),
    chunk(b"tIME", b"\x07\xea\1\1\0\0\0"),
    chunk(b"caBX", SECRET),
    chunk(b"prVt", SECRET),
)
