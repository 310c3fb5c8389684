"""JPEG and PNG files without what is no picture in them: where, when, by whom and with what they were taken.

Both formats are rows of parts, and a decoder uses few of them. Those are kept, byte for byte, and nothing else: a list
of what is allowed, because cameras and editors have parts of their own (places in a maker's note, an uncropped
thumbnail, a second picture behind the first).

=====  ==============================================================================================================
JPEG   kept: frames, tables, scans; APP0 JFIF without its thumbnail, APP2 with an ICC profile, APP14 Adobe
PNG    kept: all critical chunks, and of the others transparency, colours, density and animation (``_CHUNKS``)
both   gone: the rest, bytes between the parts, and what lies behind the end
=====  ==============================================================================================================

Sources: ITU-T T.81, annex B; JFIF 1.02; ICC.1, annex B.4; PNG, third edition, chapters 5 and 11. Where a file bends
them, libjpeg and Pillow decide: what these skip is skipped, and what they take for the end of a scan ends one.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache

from components.errors import ImageError

JPEG = b"\xff\xd8\xff"
PNG = b"\x89PNG\r\n\x1a\n"

_HEAD = 1024  # bytes of a file in which its pixels begin, unless there is a story before them
_PARTS = 65_536  # of a file; one with more is hostile, and would take seconds
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # restarts (RSTn) mean something in a scan alone, and end none
_segment = struct.Struct(">BBH").unpack_from
_chunk = struct.Struct(">I4s").unpack_from

_START, _END, _SCAN, _APP0, _COMMENT = 0xD8, 0xD9, 0xDA, 0xE0, 0xFE
_SKIPPED = frozenset({0x00, 0xFF, *range(0xD0, 0xD8)})
_TABLES = frozenset(range(0xC0, 0xE0)) - _SKIPPED - {_START, _END, _SCAN}
_CHUNKS = frozenset(
    {b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"bKGD", b"hIST", b"pHYs"}
    | {b"acTL", b"fcTL", b"fdAT"}
)
_NAME = re.compile(rb"[A-Za-z]{4}")

_last = [PNG]  # the head of the last plain JPEG; a camera's pictures have one size, and then one head

Cuts = list[tuple[int, int, bytes]]
"""What changes in a file: from where to where, and what stands there instead."""


def without_metadata(data: bytes) -> bytes:
    """Returns a JPEG or PNG file without its metadata; the very object where there is nothing to remove.

    Laws: a file that decodes, decodes to the same pixels afterwards; done twice, nothing more is removed. Bytes that
    begin like neither format are returned as they are.

    Raises:
        ImageError: The file's parts cannot be told apart.
    """
    if data.startswith(JPEG):
        return data if _plain(data) else _joined(data, _jpeg(data))
    if data.startswith(PNG):
        return _joined(data, _png(data))
    return data


def _plain(data: bytes) -> bool:
    """Whether a JPEG has a head that was walked before, with nothing to remove, and is one scan from there to its end.

    A short way for most of the traffic: what one program has written begins alike, up to the pixels.
    """
    head = _last[0]
    if not data.startswith(head):
        found = _head(data)
        if found is None:
            return False
        _last[0] = head = found
    behind = _MARKER.search(data, len(head))
    return behind is not None and behind[0] == b"\xff\xd9" and behind.end() == len(data)


def _head(data: bytes) -> bytes | None:
    """Returns a JPEG up to its first scan's data, if there is nothing to remove until there."""
    at = data.find(b"\xff\xda", 2, _HEAD)
    end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
    return data[:end] if 0 < at <= end - 4 <= len(data) - 4 and _plain_head(data[:at]) else None


@lru_cache(maxsize=64)
def _plain_head(head: bytes) -> bool:
    """Whether the walk of a file that begins so comes to just behind ``head``, and has cut nothing until there."""
    try:
        return not _jpeg(head + b"\xff\xd9")
    except ImageError:
        return False


def _joined(data: bytes, cuts: Cuts) -> bytes:
    if not cuts:
        return data
    pieces: list[bytes] = []
    at = 0
    for start, end, instead in cuts:
        pieces += (data[at:start], instead)
        at = end
    return b"".join((*pieces, data[at:]))


def _jpeg(data: bytes) -> Cuts:
    cuts: Cuts = []
    at, size = 2, len(data)
    for _ in range(_PARTS):
        lead, code, length = _segment(data, at) if at + 4 <= size else (0, 0, 0)
        if code in _TABLES and lead == 0xFF and length > 1:
            at += 2 + length
            continue
        if lead != 0xFF or code in _SKIPPED:
            # As libjpeg does between segments: on to the next marker.
            found = _MARKER.search(data, at)
            if found is None:
                break
            cuts += [(at, found.start(), b"")] if found.start() > at else []
            at, code = found.start(), found[0][1]
            length = _segment(data, at)[2] if at + 4 <= size else 0
        if code == _END:
            return [*cuts, (at + 2, size, b"")] if at + 2 < size else cuts
        end = at + 2 + length
        if length < 2 or end > size:
            break
        if code == _SCAN:
            behind = _MARKER.search(data, end)
            if behind is None:  # cut short; decoders take it if all pixels were there
                return cuts
            end = behind.start()
        elif _APP0 <= code < 0xF0 or code == _COMMENT:
            content = data[at + 4 : end]
            kept = _application(code, content)
            if kept != content:
                cuts.append((at, end, b"" if kept is None else struct.pack(">BBH", 0xFF, code, len(kept) + 2) + kept))
        elif code not in _TABLES:  # no marker that a decoder knows
            break
        at = end
    raise ImageError(f"expected the segments of a JPEG, found something else at byte {at} of {size}")


def _application(code: int, content: bytes) -> bytes | None:
    """Returns what is kept of an application's segment or comment; None for nothing."""
    if code == _APP0 and content.startswith(b"JFIF\0") and len(content) >= 14:
        return content[:12] + b"\0\0"  # a thumbnail of no width and height
    if code == 0xE2 and content.startswith(b"ICC_PROFILE\0"):
        return content
    if code == 0xEE and content.startswith(b"Adobe"):
        return content[:12]
    return None


def _png(data: bytes) -> Cuts:
    cuts: Cuts = []
    at, size = len(PNG), len(data)
    for _ in range(_PARTS):
        if at + 8 > size:  # cut short; decoders take it if all pixels were there
            return cuts
        length, name = _chunk(data, at)
        end = min(at + 12 + length, size)
        if name not in _CHUNKS and name[0] & 0x20:  # in lower case: not critical
            if not _NAME.fullmatch(name):
                break
            cuts.append((at, end, b""))
        elif name == b"IEND":
            return [*cuts, (end, size, b"")] if end < size else cuts
        elif not _NAME.fullmatch(name):
            break
        at = end
    raise ImageError(f"expected the chunks of a PNG, found something else at byte {at} of {size}")
