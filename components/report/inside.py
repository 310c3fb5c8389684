"""Files of a folder that a stranger may have made: plain ones inside it, and no more bytes than expected."""

from __future__ import annotations

from pathlib import Path

from components.errors import InputError


def read_inside(folder: Path, name: str, most: int) -> bytes:
    """Returns at most ``most + 1`` bytes of a file, so that whoever limits them sees that there are too many.

    Args:
        folder: Where it lies.
        name: Relative to the folder.
        most: Bytes that are expected at most.

    Raises:
        InputError: The name leads out of the folder, through a link, or to no plain file.
    """
    path = folder / name
    inside = not Path(name).is_absolute() and ".." not in Path(name).parts and "\0" not in name
    try:
        links = any(p.is_symlink() for p in (path, *path.parents[: len(Path(name).parts) - 1])) if inside else True
        if links or not path.is_file():
            raise InputError(f"expected a plain file inside the folder, found {name[:80]!r}")
        with path.open("rb") as file:
            return file.read(most + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{name[:80]!r}: expected a file that can be read, found {type(error).__name__}") from None
