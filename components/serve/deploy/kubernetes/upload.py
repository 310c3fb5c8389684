"""Putting an archive where pods can fetch it: a place whose name is the model's digest, written once."""

from __future__ import annotations

import hashlib
from pathlib import Path

from components.errors import StorageError
from components.storage import Place

ARCHIVE = "model.tar.gz"


def folder(models: Place, name: str, digest: str, signature: bytes | None = None) -> Place:
    """Returns where an archive belongs, ``<models>/<name>/<digest>``; in it, it is called ``model.tar.gz``.

    One that is signed is another archive of the same model: behind its digest stand twelve digits of its signature's.

    Args:
        models: The place for models.
        name: Of the endpoint.
        digest: The model's identity, ``sha256:…``; the ":" becomes a "-", since keys with it trouble some tools.
        signature: The content of its ``model.sig``, if there is one.
    """
    signed = f"-signed-{hashlib.sha256(signature).hexdigest()[:12]}" if signature is not None else ""
    return models.child(name, digest.replace(":", "-") + signed)


def publish(archive: Path, address: Place) -> None:
    """Copies an archive to its folder.

    What is there already stays as it is: the same name means the same archive, and pods may be fetching it.

    Raises:
        StorageError: The place cannot be read or written, or holds another file under this name.
    """
    size = archive.stat().st_size
    found = {entry.place.name: entry.size for entry in address.entries()}
    if ARCHIVE not in found:
        address.child(ARCHIVE).put_file(archive)
    elif found[ARCHIVE] != size:
        raise StorageError(
            f"{address.child(ARCHIVE)}: expected the archive of {size:,} bytes, found another of {found[ARCHIVE]:,}"
        )
