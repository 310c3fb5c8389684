"""gzip (RFC 1952), written so that the bytes depend on the content alone, read so that nothing hides in it.

The writer uses stored blocks of deflate (RFC 1951, 3.2.4). What a compressor makes differs between versions of
zlib, and trained float32 weights would shrink by less than a tenth, so the archive's bytes are rather a function of its
content, on every machine and for good; writing and reading are also as fast as the CRC.
"""

from __future__ import annotations

import struct
import zlib
from types import TracebackType
from typing import BinaryIO

from components.errors import ArchiveError, LimitError
from components.package.limits import CHUNK, RATIO_FROM, Limits
from components.package.strict import short

# Magic, method deflate, no flags (so no name), modification time 0, no extra flags, operating system unknown.
_HEADER = b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00\xff"
_BLOCK = 65_535

_FOUND = {
    b"PK": "a zip archive, whose two lists of members can disagree",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"\xfd7zXZ": "an xz file",
    b"BZh": "a bzip2 file",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x80": "a pickle, perhaps a PyTorch checkpoint",
}


class GzipWriter:
    """Writes one gzip member of stored blocks; the same content gives the same bytes however it is cut into writes.

    Args:
        file: Where to; it stays open.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting = bytearray()
        self._crc = 0
        self._size = 0
        file.write(_HEADER)

    def write(self, data: bytes) -> None:
        """Appends content."""
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._waiting += data
        whole = (len(self._waiting) - 1) // _BLOCK * _BLOCK  # at least one byte waits for the last block
        for start in range(0, whole, _BLOCK):
            self._block(self._waiting[start : start + _BLOCK], last=False)
        del self._waiting[: max(0, whole)]

    def __enter__(self) -> GzipWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self._block(self._waiting, last=True)
            self._file.write(struct.pack("<II", self._crc, self._size % 2**32))

    def _block(self, data: bytearray, last: bool) -> None:
        self._file.write(struct.pack("<BHH", last, len(data), len(data) ^ 0xFFFF))
        self._file.write(data)


class GzipReader:
    """Reads a file that must be exactly one whole gzip member, in constant memory and within limits.

    Args:
        file: From its beginning.
        limits: ``total`` and ``ratio`` bound what comes out.

    Raises:
        ArchiveError: From any method: not gzip, damaged, cut short.
        LimitError: From any method: more comes out than allowed.
    """

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self._inflate = zlib.decompressobj(wbits=31)
        self._given = 0
        self._made = 0
        self._ready = bytearray()
        self._expect_gzip()

    def read(self, size: int) -> bytes:
        """Returns exactly the next ``size`` bytes of content."""
        while len(self._ready) < size:
            if self._inflate.eof:
                raise ArchiveError(f"expected {size - len(self._ready):,} more bytes of tar, found the end of the gzip")
            self._fill()
        taken = bytes(self._ready[:size])
        del self._ready[:size]
        return taken

    def finish(self) -> None:
        """Checks that nothing but zeros is left, that the checksum holds, and that nothing follows.

        Raises:
            ArchiveError: Content after the end of the tar, a second gzip member, or trailing bytes.
        """
        while True:
            if self._ready.count(0) != len(self._ready):
                raise ArchiveError("expected only zeros after the end of the tar, found other bytes")
            self._ready.clear()
            if self._inflate.eof:
                break
            self._fill()
        rest = self._inflate.unused_data or self._file.read(16)
        if rest:
            what = "a second gzip member" if rest.startswith(b"\x1f\x8b") else f"the bytes {short(rest[:16])}"
            raise ArchiveError(f"expected the file to end with the gzip, found {what} after it")

    def _fill(self) -> None:
        given = self._inflate.unconsumed_tail
        if not given:
            given = self._file.read(CHUNK)
            self._given += len(given)
        try:
            made = self._inflate.decompress(given, CHUNK)
        except zlib.error as error:
            raise ArchiveError(f"expected an undamaged gzip, found {error}") from None
        if not given and not made and not self._inflate.eof:
            raise ArchiveError("expected a whole gzip, found it cut short")
        self._made += len(made)
        self._ready += made
        self._check_limits()

    def _check_limits(self) -> None:
        if self._made > self._limits.total:
            raise LimitError(f"expected at most {self._limits.total:,} bytes unpacked, found more")
        if self._made > max(RATIO_FROM, self._limits.ratio * self._given):
            ratio = f"{self._made:,} bytes out of {self._given:,}"
            raise LimitError(f"expected at most {self._limits.ratio} bytes for each packed one, found {ratio}")

    def _expect_gzip(self) -> None:
        start = self._file.read(512)
        self._file.seek(0)
        if start[:2] == b"\x1f\x8b":
            return
        found = next((name for magic, name in _FOUND.items() if start.startswith(magic)), None)
        if start[257:262] == b"ustar":
            found = "a tar that is not compressed"
        raise ArchiveError(f"expected a model.tar.gz (gzip), found {found or f'a file that starts with {start[:8]!r}'}")
