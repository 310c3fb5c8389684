"""Fetching a packed model from where it is kept, into a folder that appears whole and verified or not at all.

It is what a pod does before its server starts: the archive is copied beside the folder, bounded in size, unpacked under
the digest that was asked for, and removed.
"""

from __future__ import annotations

from pathlib import Path

from components.errors import LimitError
from components.package.limits import CHUNK, Limits
from components.package.manifest import Manifest
from components.package.reading import unpack
from components.storage import Place


def fetch(
    source: Place,
    folder: Path,
    digest: str,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    *,
    public_key: str | None = "",
) -> Manifest:
    """Unpacks the archive of a place into a new folder.

    Args:
        source: A ``model.tar.gz``.
        folder: Where to; it must not exist, or be empty. For a moment there is room for the archive beside it.
        digest: The identity the model must have, ``sha256:…``.
        limits: What the archive may hold; packed it may be no larger than unpacked.
        public_key: By which it must be signed, as for :func:`components.package.reading.verify`.

    Raises:
        StorageError: There is no archive at the place, or it cannot be read.
        ArchiveError: It is damaged, too large, or another model, as for :func:`components.package.reading.verify`.
    """
    if source.local is not None:
        return unpack(source.local, folder, limits, digest=digest, public_key=public_key)
    copy = folder.with_name(f"{folder.name}.archive")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        _copy(source, copy, limits.total)
        return unpack(copy, folder, limits, digest=digest, public_key=public_key)
    finally:
        copy.unlink(missing_ok=True)


def _copy(source: Place, target: Path, most: int) -> None:
    copied = 0
    with source.open() as stream, target.open("wb") as file:
        while data := stream.read(CHUNK):
            copied += len(data)
            if copied > most:
                raise LimitError(f"{source}: expected an archive of at most {most:,} bytes, found a larger one")
            file.write(data)
