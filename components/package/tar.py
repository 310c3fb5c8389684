"""The tar format (POSIX.1-2024, pax, "ustar Interchange Format"), as little of it as a model archive needs.

Reading is our own, in place of :mod:`tarfile`: what is refused here is refused before a byte of it is believed, in
constant memory, on every version of Python. Plain files and folders pass, with the long names of pax (``x``) and GNU
tar (``L``). Links, devices, FIFOs, sparse files, set-id bits and ambiguous headers are errors.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from components.errors import ArchiveError, LimitError, UnsafeMemberError
from components.package.compression import GzipReader
from components.package.limits import CHUNK, Limits
from components.package.strict import short

BLOCK = 512
END = bytes(2 * BLOCK)

_EXTENDED_BYTES = 64 * 1024
_FILE, _OLD_FILE, _FOLDER, _PAX, _PAX_GLOBAL, _GNU_NAME = b"0", b"\0", b"5", b"x", b"g", b"L"
_REFUSED = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a FIFO",
    b"7": "a contiguous file",
    b"K": "a link with a long name",
    b"S": "a sparse file",
    b"M": "a part of a multi-volume file",
    b"D": "a GNU incremental folder",
    b"V": "a volume label",
}


@dataclass(frozen=True)
class Member:
    """A file (of ``size`` bytes) or folder of an archive; its name is as given, less ``./`` and a last ``/``."""

    name: str
    size: int
    folder: bool


@dataclass(frozen=True)
class _Header:
    name: bytes
    mode: int
    size: int
    kind: bytes


class Body:
    """The content of the current member; what is not read of it is skipped when the next member is asked for."""

    def __init__(self, stream: GzipReader, size: int) -> None:
        self._stream = stream
        self._left = size
        self._padding = -size % BLOCK

    def __iter__(self) -> Iterator[bytes]:
        while self._left:
            data = self._stream.read(min(CHUNK, self._left))
            self._left -= len(data)
            yield data

    def skip(self) -> None:
        """Reads to the end of the content and of its padding."""
        for _ in self:
            pass
        self._stream.read(self._padding)
        self._padding = 0


def file_header(name: str, size: int) -> bytes:
    """Returns the header of a plain file: mode 0644, owner 0, time 0; ustar where it can say it, pax otherwise."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def members(stream: GzipReader, limits: Limits) -> Iterator[tuple[Member, Body]]:
    """Yields each member with its body, and checks that the archive is whole to its end.

    Names are not checked here: see :class:`components.package.names.Names`.

    Raises:
        ArchiveError: The archive is damaged, cut short or ambiguous.
        LimitError: A member is larger than allowed.
        UnsafeMemberError: A member is neither a plain file nor a folder, or has set-id bits.
    """
    extended: dict[str, bytes] = {}
    seen: set[bytes] = set()
    first = True
    while (header := _next(stream)) is not None:
        if header.kind in (_PAX, _PAX_GLOBAL, _GNU_NAME):
            if header.kind in seen:
                raise ArchiveError(f"expected one extended header of type {header.kind!r} for a member, found two")
            seen.add(header.kind)
            _extend(extended, header, _extended_body(stream, header))
            continue
        member = _member(header, extended, limits)
        extended, seen = {}, set()
        body = Body(stream, member.size)
        if not (first and member.folder and member.name == "."):  # what `tar -c .` begins with
            yield member, body
        body.skip()
        first = False
    if seen:
        raise ArchiveError("expected a member after an extended header, found the end of the tar")
    stream.finish()


def _next(stream: GzipReader) -> _Header | None:
    """Returns the next header, or None at the two zero blocks that end an archive."""
    block = stream.read(BLOCK)
    if not any(block):
        if any(stream.read(BLOCK)):
            raise ArchiveError("expected two zero blocks at the end of the tar, found one")
        return None
    magic = block[257:265]
    if magic not in (b"ustar\x0000", b"ustar  \0"):
        raise ArchiveError(f"expected a tar header in ustar, pax or GNU format, found {short(magic)} as its magic")
    if _number(block[148:156], "checksum") != sum(block[:148]) + 8 * 0x20 + sum(block[156:]):
        raise ArchiveError("expected a tar header that matches its checksum, found a damaged one")
    name = _text(block[:100], "name")
    if magic == b"ustar\x0000" and (prefix := _text(block[345:500], "prefix")):
        name = prefix + b"/" + name
    return _Header(name, _number(block[100:108], "mode"), _number(block[124:136], "size"), block[156:157])


def _member(header: _Header, extended: dict[str, bytes], limits: Limits) -> Member:
    try:
        name = extended.get("path", header.name).decode("utf-8")
    except UnicodeDecodeError:
        raise UnsafeMemberError(f"expected a name in UTF-8, found {short(header.name)}") from None
    if header.kind not in (_FILE, _OLD_FILE, _FOLDER):
        found = _REFUSED.get(header.kind, f"the member type {short(header.kind)}")
        raise UnsafeMemberError(f"{short(name)}: expected a plain file or folder, found {found}")
    if header.mode & 0o7000:
        raise UnsafeMemberError(f"{short(name)}: expected no set-id or sticky bits, found mode {header.mode:o}")
    size = _decimal(extended["size"]) if "size" in extended else header.size
    if size > limits.file:
        raise LimitError(f"{short(name)}: expected at most {limits.file:,} bytes in a file, found {size:,}")
    folder = header.kind == _FOLDER
    if folder and size:
        raise ArchiveError(f"{short(name)}: expected a folder without content, found {size:,} bytes")
    return Member(_plain(name, folder), size, folder)


def _plain(name: str, folder: bool) -> str:
    """Takes off what ``tar -c .`` adds: ``./`` before each name, and ``/`` behind a folder's."""
    if folder and name.endswith("/"):
        name = name[:-1]
    return name[2:] if name.startswith("./") else name


def _extended_body(stream: GzipReader, header: _Header) -> bytes:
    if header.size > _EXTENDED_BYTES:
        raise LimitError(f"expected at most {_EXTENDED_BYTES:,} bytes in an extended header, found {header.size:,}")
    body = Body(stream, header.size)
    data = b"".join(body)
    body.skip()
    return data


def _extend(extended: dict[str, bytes], header: _Header, data: bytes) -> None:
    found = {"path": _text(data, "long name")} if header.kind == _GNU_NAME else _pax(data)
    if sparse := sorted(key for key in found if key.startswith("GNU.sparse.")):
        raise UnsafeMemberError(f"expected plain files and folders, found a sparse file ({sparse[0]})")
    if found.get("hdrcharset", b"BINARY") not in (b"BINARY", b"ISO-IR 10646 2000 UTF-8"):
        raise ArchiveError(f"expected names in UTF-8, found hdrcharset {short(found['hdrcharset'])}")
    meant = {key: value for key, value in found.items() if key in ("path", "size")}
    if meant and (header.kind == _PAX_GLOBAL or meant.keys() & extended.keys()):
        raise ArchiveError(f"expected one {' and '.join(meant)} for a member, found it for several or given twice")
    extended.update(meant)


def _pax(data: bytes) -> dict[str, bytes]:
    """Parses pax records, each ``<length> <key>=<value>`` and a line end, with its own length in decimal."""
    found: dict[str, bytes] = {}
    while data:
        match = re.match(rb"([1-9][0-9]{0,5}) ([^=\n]+)=", data)
        end = int(match[1]) if match else 0
        if match is None or end <= match.end() or data[end - 1 : end] != b"\n":
            raise ArchiveError(f"expected a pax record, found {short(data[:32])}")
        key = match[2].decode("utf-8", "replace")
        if key in found:
            raise ArchiveError(f"expected each pax key once, found {short(key)} twice")
        found[key] = data[match.end() : end - 1]
        data = data[end:]
    return found


def _number(field: bytes, what: str) -> int:
    """Reads octal digits, or GNU's big-endian number marked by 0x80."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    match = re.fullmatch(rb" *([0-7]*)[ \0]*", field)
    if match is None:
        raise ArchiveError(f"expected octal digits as a member's {what}, found {short(field)}")
    return int(match[1] or b"0", 8)


def _decimal(field: bytes) -> int:
    if re.fullmatch(rb"[0-9]{1,20}", field) is None:
        raise ArchiveError(f"expected decimal digits as a member's size, found {short(field)}")
    return int(field)


def _text(field: bytes, what: str) -> bytes:
    text, _, rest = field.partition(b"\0")
    if any(rest):
        raise UnsafeMemberError(f"expected a {what} that ends with its first NUL, found {short(field)}")
    return text
