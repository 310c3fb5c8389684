"""Archives and weights made byte by byte, so that they can lie in ways no library would write."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

from components.package.manifest import Manifest, hashed

END = bytes(1024)


def octal(number: int, width: int) -> bytes:
    return f"{number:0{width - 1}o}".encode() + b"\0"


def header(
    name: bytes,
    size: int | bytes = 0,
    kind: bytes = b"0",
    mode: int = 0o644,
    link: bytes = b"",
    magic: bytes = b"ustar\x0000",
    prefix: bytes = b"",
) -> bytes:
    fields = b"".join(
        [
            name.ljust(100, b"\0"),
            octal(mode, 8),
            octal(0, 8),
            octal(0, 8),
            size if isinstance(size, bytes) else octal(size, 12),
            octal(0, 12),
            b" " * 8,
            kind,
            link.ljust(100, b"\0"),
            magic,
            bytes(64),
            bytes(16),
            prefix.ljust(155, b"\0"),
            bytes(12),
        ]
    )
    assert len(fields) == 512
    return fields[:148] + f"{sum(fields):06o}\0 ".encode() + fields[156:]


def member(name: bytes, content: bytes = b"", **fields: Any) -> bytes:
    return header(name, **{"size": len(content), **fields}) + content + bytes(-len(content) % 512)


def pax(*records: tuple[str, bytes], kind: bytes = b"x") -> bytes:
    lines = b""
    for key, value in records:
        rest = b" " + key.encode() + b"=" + value + b"\n"
        length = len(rest) + 1
        while length != len(str(length)) + len(rest):
            length = len(str(length)) + len(rest)
        lines += str(length).encode() + rest
    return member(b"././@PaxHeader", lines, kind=kind)


def compressed(*members: bytes, end: bytes = END) -> bytes:
    return gzip.compress(b"".join(members) + end, mtime=0)


def manifest_of(files: dict[str, bytes]) -> bytes:
    return Manifest({name: hashed([content]) for name, content in files.items()}).to_bytes()


def listed_manifest(files: dict[str, bytes]) -> bytes:
    return member(b"manifest.json", manifest_of(files))


def folder_with(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def tensor(dtype: str, shape: list[Any], begin: Any, end: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors(head: dict[str, Any] | bytes, data: bytes = b"", length: int | None = None) -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
