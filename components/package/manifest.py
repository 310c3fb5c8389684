"""``manifest.json``: the name, size and SHA-256 of each file of a model, and by its own digest the model's identity."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from components.errors import ArchiveError, DigestError, InputError, LimitError, UnsafeMemberError
from components.package.limits import MIB, Limits
from components.package.names import Names
from components.package.strict import canonical, kind, listed, parse_object, short

NAME = "manifest.json"
SIGNATURE = "model.sig"
"""Beside the manifest, and no file of it: signing a model does not change its identity."""

FORMAT = 1
MANIFEST_BYTES = 16 * MIB

_SHA256 = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class File:
    """What the manifest says of one file: its size in bytes and the SHA-256 of its content, in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The files of a model, by name.

    Laws: ``Manifest.from_bytes(m.to_bytes()) == m``; and no two different byte strings give the same manifest, since
    only the canonical form is read.
    """

    files: Mapping[str, File]

    @cached_property
    def digest(self) -> str:
        """The model's identity, ``sha256:`` and the SHA-256 of ``manifest.json``'s bytes."""
        return "sha256:" + hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(file.size for file in self.files.values())

    def to_bytes(self) -> bytes:
        """Returns the content of ``manifest.json``."""
        files = {name: {"sha256": file.sha256, "size": file.size} for name, file in self.files.items()}
        return canonical({"files": files, "format": FORMAT})

    @classmethod
    def from_bytes(cls, data: bytes, limits: Limits = Limits()) -> Manifest:  # noqa: B008 - frozen
        """Reads ``manifest.json``.

        Raises:
            ArchiveError: It is not this format, or not in its canonical form.
            UnsafeMemberError: It lists an unsafe name, or two that are one file on some systems.
            LimitError: It lists more, or larger files than allowed.
        """
        if len(data) > MANIFEST_BYTES:
            raise LimitError(f"{NAME}: expected at most {MANIFEST_BYTES:,} bytes, found {len(data):,}")
        found = parse_object(data, NAME, ArchiveError)
        if found.get("format") != FORMAT or isinstance(found["format"], bool):
            raise ArchiveError(f"{NAME}: expected format {FORMAT}, found {short(found.get('format'))}")
        if set(found) != {"format", "files"} or not isinstance(found["files"], dict):
            raise ArchiveError(f"{NAME}: expected the keys files (an object) and format, found {listed(sorted(found))}")
        manifest = cls({name: _file(name, entry) for name, entry in found["files"].items()})
        _check_files(manifest.files, limits)
        if manifest.to_bytes() != data:
            raise ArchiveError(f"{NAME}: expected its canonical form (sorted keys, indented by 2), found another")
        return manifest

    def check_digest(self, digest: str | None) -> None:
        """Checks that this is the model that was asked for; ``None`` asks for none in particular.

        Raises:
            InputError: ``digest`` is not of the form ``sha256:`` and 64 hexadecimal digits.
            DigestError: This is another model.
        """
        if digest is None:
            return
        if _DIGEST.fullmatch(digest) is None:
            raise InputError(f"expected a digest as sha256: and 64 hexadecimal digits, found {short(digest)}")
        if self.digest != digest:
            raise DigestError(f"expected the model {digest}, found {self.digest}")

    def check_files(self, found: Mapping[str, File]) -> None:
        """Compares with files as they are.

        Raises:
            DigestError: Missing, extra or changed files, all named.
        """
        changed = [n for n in sorted(self.files.keys() & found.keys()) if self.files[n] != found[n]]
        differences = {
            "missing": sorted(self.files.keys() - found.keys()),
            "not in the manifest": sorted(found.keys() - self.files.keys()),
            "changed": [f"{name} ({_difference(self.files[name], found[name])})" for name in changed],
        }
        if told := [f"{what} {listed(names)}" for what, names in differences.items() if names]:
            raise DigestError(f"expected the files of the manifest, found {'; '.join(told)}")


def check_own(name: str) -> None:
    """Checks that a name is not that of the signature, nor one that is it on some systems.

    Raises:
        UnsafeMemberError: It is.
    """
    if name.split("/", maxsplit=1)[0].casefold() == SIGNATURE:
        raise UnsafeMemberError(f"{short(name)}: expected no file of the model that is called like its signature")


def _check_files(files: Mapping[str, File], limits: Limits) -> None:
    names = Names(limits)
    names.add(NAME)
    for name in files:
        names.add(name)
        check_own(name)
    if large := {name: file.size for name, file in files.items() if file.size > limits.file}:
        name, size = next(iter(large.items()))
        raise LimitError(f"{short(name)}: expected at most {limits.file:,} bytes in a file, found {size:,}")


def _file(name: str, entry: Any) -> File:
    if not isinstance(entry, dict) or set(entry) != {"sha256", "size"}:
        raise ArchiveError(f"{NAME}: {short(name)}: expected sha256 and size, found {short(entry)}")
    size, sha256 = entry["size"], entry["sha256"]
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise ArchiveError(f"{NAME}: {short(name)}: expected a size in bytes, found {kind(size)} {short(size)}")
    if not isinstance(sha256, str) or _SHA256.fullmatch(sha256) is None:
        raise ArchiveError(f"{NAME}: {short(name)}: expected a SHA-256 in hexadecimal, found {short(sha256)}")
    return File(size, sha256)


def _difference(expected: File, found: File) -> str:
    if expected.size != found.size:
        return f"expected {expected.size:,} bytes, found {found.size:,}"
    return f"expected {expected.sha256[:12]}…, found {found.sha256[:12]}…"


def hashed(chunks: Iterable[bytes], keep: Callable[[bytes], object] | None = None) -> File:
    """Returns size and SHA-256 of a content given in pieces, each of which is also given to ``keep``."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        if keep is not None:
            keep(chunk)
    return File(size, digest.hexdigest())
