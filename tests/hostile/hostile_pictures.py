"""Pictures that mean harm, made byte by byte; none is larger than some hundred kilobytes."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

import numpy as np
from PIL import Image

PNG = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    """Returns one chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width: int, height: int, *, depth: int = 8, colour: int = 2) -> bytes:
    """Returns a PNG's IHDR; colour 0 is grey, 2 RGB, 6 RGB and alpha."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def rows(width: int, height: int, pixel: bytes) -> bytes:
    """Returns the compressed rows of a picture of one colour."""
    packer = zlib.compressobj(9)
    row = b"\0" + pixel * width
    return b"".join(packer.compress(row) for _ in range(height)) + packer.flush()


def plain(width: int = 32, height: int = 32, pixel: bytes = b"\x21\x28\x28", before: bytes = b"") -> bytes:
    """Returns a PNG of one colour, with more chunks before its pixels."""
    colour = {1: 0, 3: 2, 4: 6}[len(pixel)]
    data = chunk(b"IDAT", rows(width, height, pixel))
    return PNG + header(width, height, colour=colour) + before + data + chunk(b"IEND", b"")


def text_bomb(kind: bytes, megabytes: int) -> bytes:
    """Returns a PNG whose zTXt, iTXt or iCCP unpacks to so many megabytes."""
    packed = zlib.compress(bytes(megabytes << 20), 9)
    content = {
        b"zTXt": b"Comment\0\0" + packed,
        b"iTXt": b"Comment\0\1\0\0\0" + packed,
        b"iCCP": b"profile\0\0" + packed,
    }
    return plain(before=chunk(kind, content[kind]))


def many_texts(count: int) -> bytes:
    """Returns a PNG with so many text chunks of a megabyte, each packed to a kilobyte."""
    one = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes((1 << 20) - 10), 9))
    return plain(before=one * count)


def frames(count: int) -> bytes:
    """Returns an animated PNG with so many frames, the first as any other picture's."""
    packed = rows(32, 32, b"\x21\x28\x28")
    control = struct.pack(">IIIIHHBB", 32, 32, 0, 0, 1, 10, 0, 0)
    parts = [PNG, header(32, 32), chunk(b"acTL", struct.pack(">II", count, 0))]
    parts += [chunk(b"fcTL", struct.pack(">I", 0) + control), chunk(b"IDAT", packed)]
    for number in range(1, count):
        parts.append(chunk(b"fcTL", struct.pack(">I", 2 * number - 1) + control))
        parts.append(chunk(b"fdAT", struct.pack(">I", 2 * number) + packed))
    return b"".join(parts) + chunk(b"IEND", b"")


def floats(width: int = 8, height: int = 8, value: float = 0.5) -> bytes:
    """Returns a PFM, the high-range relative of PNM that Pillow reads with it."""
    return b"Pf\n%d %d\n-1.0\n" % (width, height) + struct.pack("<f", value) * (width * height)


def jpeg(orientation: int = 1, gps: bool = False, side: tuple[int, int] = (48, 32)) -> bytes:
    """Returns a JPEG with EXIF: red on the left, grey on the right."""
    pixels = np.full((side[1], side[0], 3), 40, np.uint8)
    pixels[:, : side[0] // 4, 0] = 200
    exif = Image.Exif()
    exif[0x0112] = orientation
    if gps:
        exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 58.5), 3: "E", 4: (13.0, 22.0, 39.9)})
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", exif=exif, quality=95)
    return buffer.getvalue()


def polyglot(marker: bytes = b"evil") -> bytes:
    """Returns a valid JPEG that is a valid zip as well."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../evil.txt", marker)
    return jpeg() + archive.getvalue()


def pixels(data: bytes) -> Any:
    """Returns what Pillow sees, for comparison."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
