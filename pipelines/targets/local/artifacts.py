"""Artifacts on their way from step to step, and the digest of what they hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Artifact:
    """A file or folder that a step made; ``digest`` says what it holds (see ``digest_of``)."""

    name: str
    schema: Mapping[str, str]
    uri: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""

    @property
    def path(self) -> str:
        """Where a step finds it; a ``file://`` URI without its scheme."""
        return self.uri.removeprefix("file://")

    def runtime(self) -> dict[str, Any]:
        """Returns KFP's RuntimeArtifact, as it stands in the executor's input."""
        return {"name": self.name, "type": dict(self.schema), "uri": self.uri, "metadata": dict(self.metadata)}


def digest_of(path: Path) -> str:
    """Returns ``sha256:…`` of a file's bytes, or of a folder's names, kinds and contents.

    A folder's digest does not depend on times, owners or the order of the file system; a link counts as its target's
    name. Law: equal digests mean equal trees.
    """
    if not path.is_dir():
        return f"sha256:{_file(path)}"
    total = hashlib.sha256()
    for name, entry in _walk(path, ""):
        if entry.is_symlink():
            kind, content = "link", hashlib.sha256(os.fsencode(os.readlink(entry.path))).hexdigest()
        elif entry.is_dir():
            kind, content = "folder", ""
        else:
            kind, content = "file", _file(Path(entry.path))
        total.update(b"\0".join((kind.encode(), os.fsencode(name), content.encode())) + b"\n")
    return f"sha256:{total.hexdigest()}"


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    for entry in ordered:
        yield prefix + entry.name, entry
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")


def _file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
