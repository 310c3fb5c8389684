"""The user's own files: a folder of this machine or a prefix of a bucket, listed once and read one by one."""

from __future__ import annotations

from dataclasses import dataclass

from components.errors import DatasetError, StorageError
from components.storage import Place, place


@dataclass(frozen=True)
class Files:
    """Every plain file below a place; names that start with a dot are left out.

    Attributes:
        base: The place.
        names: Its files, by their names relative to it, in their order.
    """

    base: Place
    names: dict[str, Place]

    def read(self, name: str, limit: int) -> bytes:
        """Returns a file's bytes.

        Raises:
            DatasetError: There is no such file, it cannot be read, or has more than ``limit`` bytes.
        """
        if name not in self.names:
            raise DatasetError(f"{name}: expected a file, found none")
        try:
            return self.names[name].read_bytes(limit=limit)
        except StorageError as error:
            raise DatasetError(f"{name}: {error}") from None


def listed(uri: str) -> Files:
    """Returns what lies at a path, ``file://`` or ``s3://``.

    Raises:
        StorageError: The place cannot be read.
        DatasetError: No file lies there.
    """
    base = place(uri)
    names: dict[str, Place] = {}
    for entry in base.files():
        found = entry.place
        if base.local and found.local:
            name = found.local.relative_to(base.local).as_posix()
        else:
            name = found.uri.removeprefix(base.uri + "/")
        if not any(part.startswith(".") for part in name.split("/")):
            names[name] = found
    if not names:
        raise DatasetError(f"{base}: expected a folder with files, found none")
    return Files(base, dict(sorted(names.items())))
