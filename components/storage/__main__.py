"""``python -m components.storage PLACE PATH``: copies a file or folder out of a place, whole or not at all.

The place is a path, ``file://…`` or ``s3://…``. It is how a workflow takes up what it did not make itself.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from components.errors import InputError, RoadworthyError
from components.storage import Place, place
from components.whole import replacing


def main(argv: Sequence[str]) -> int:
    """Copies, and returns the exit status: 1 with one line where there was nothing or it cannot be read."""
    if len(argv) != 2:
        print(f"python -m components.storage: expected a place and a path, found {list(argv)}", file=sys.stderr)
        return 2
    try:
        copy(place(argv[0]), Path(argv[1]))
    except (RoadworthyError, OSError) as error:
        print(f"storage: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


def copy(source: Place, target: Path) -> None:
    """Copies a file, or all files below a folder, to ``target``, which appears when it is complete.

    What was there is replaced; a copy that was killed at any moment can be made again.

    Raises:
        InputError: There is nothing at the place.
        StorageError: It cannot be read.
    """
    with replacing(target) as partial:
        if source.local is not None and source.local.is_file():
            _fetch(source, partial)
        elif source.exists():
            _fetch_folder(source, partial)
            # In a bucket, a key with nothing below it is an object.
            if source.local is None and not partial.exists():
                _fetch(source, partial)
        if not partial.exists():
            raise InputError(f"expected a file or folder at {source}, found nothing")


def _fetch_folder(source: Place, target: Path) -> None:
    for entry in source.entries():
        name = entry.place.name
        if name in ("", ".", "..") or "/" in name:
            raise InputError(f"expected names of files below {source}, found {name!r}")
        if entry.folder:
            _fetch_folder(entry.place, target / name)
        else:
            _fetch(entry.place, target / name)


def _fetch(source: Place, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open() as stream, target.open("wb") as file:
        shutil.copyfileobj(stream, file, 1 << 20)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
