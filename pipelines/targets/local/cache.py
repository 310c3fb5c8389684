"""Outputs of earlier steps, by content: the same image, code, command, parameters and inputs give the same outputs.

An entry is a folder ``<key>/`` with ``out/`` and ``entry.json``. It is made beside its place and renamed when it is
whole, so a half-written one is never read; and each output is checked against its digest when it is taken out again,
so neither is one that somebody has changed since (outputs are hard links where the file system allows).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines.targets.local.artifacts import Artifact, digest_of
from pipelines.targets.local.values import to_json

_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, shutil.Error)
"""What reading an entry may raise that is not as it was written."""

_LEFTOVER = 86_400.0
"""Seconds after which an unfinished entry is taken for a killed run's and swept away."""


@dataclass(frozen=True)
class Outputs:
    """What a step gave: parameters by name, artifacts by name."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)


def key_of(content: Mapping[str, Any]) -> str:
    """Returns the key of an entry: a SHA-256 of everything that decides what a step gives."""
    return hashlib.sha256(to_json(content).encode()).hexdigest()


class Cache:
    """A folder of entries, shared by all runs under one root, also by runs at the same time.

    Args:
        folder: Where the entries lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def holds(self, key: str) -> bool:
        """Returns whether there is an entry, not whether it is undamaged."""
        return (self.folder / key / "entry.json").is_file()

    def restore(self, key: str, into: Path) -> Outputs | None:
        """Puts an entry's outputs into the folder ``into``; returns None if there is no whole entry.

        Args:
            key: The entry.
            into: A step's ``out`` folder; it is made anew.
        """
        entry = self.folder / key
        if not self.holds(key):
            return None
        try:
            content = self._content(key)
            _remove(into)
            shutil.copytree(entry / "out", into, symlinks=True, copy_function=_link)
            artifacts = {name: _moved(Artifact(**item), into) for name, item in content["artifacts"].items()}
            if any(digest_of(Path(artifact.uri)) != artifact.digest for artifact in artifacts.values()):
                raise ValueError("changed since it was stored")
        except _DAMAGE:
            _remove(into)
            _remove(entry)
            return None
        return Outputs(content["parameters"], artifacts)

    def peek(self, key: str) -> Outputs | None:
        """Returns what ``restore`` would, unchecked and left where it lies, within the cache."""
        try:
            content = self._content(key)
            out = self.folder / key / "out"
            artifacts = {name: _moved(Artifact(**item), out) for name, item in content["artifacts"].items()}
            return Outputs(content["parameters"], artifacts)
        except _DAMAGE:
            return None

    def _content(self, key: str) -> Any:
        return json.loads((self.folder / key / "entry.json").read_text(encoding="utf-8"))

    def store(self, key: str, out: Path, outputs: Outputs) -> None:
        """Keeps the outputs of a step; where another run was quicker, its entry stays.

        An artifact that lies outside the step's folder cannot be kept, and then nothing is.
        """
        if any(not Path(artifact.uri).is_relative_to(out) for artifact in outputs.artifacts.values()):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=self.folder))
        try:
            shutil.copytree(out, partial / "out", symlinks=True, copy_function=_link)
            kept = {name: asdict(_moved(artifact, Path("out"))) for name, artifact in outputs.artifacts.items()}
            content = json.dumps({"parameters": dict(outputs.parameters), "artifacts": kept}, sort_keys=True)
            (partial / "entry.json").write_text(content, encoding="utf-8")
            partial.chmod(0o755)
            os.rename(partial, self.folder / key)
        except OSError:
            # Full disk, or the entry is there already: the step itself is not the worse for it.
            _remove(partial)

    def _sweep(self) -> None:
        for partial in self.folder.glob(".partial-*"):
            try:
                if time.time() - partial.stat().st_mtime > _LEFTOVER:
                    _remove(partial)
            except OSError:
                continue


def _moved(artifact: Artifact, out: Path) -> Artifact:
    return replace(artifact, uri=str(out / artifact.name))


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target, follow_symlinks=False)


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
