"""Reading a model's folder without following links: what is packed, and what is loaded, lies in the folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from components.errors import InputError, LimitError, UnsafeMemberError
from components.package.limits import CHUNK, Limits
from components.package.names import Names, check_name
from components.package.strict import short

_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


def files(folder: Path, limits: Limits) -> list[str]:
    """Returns the names of all files in a folder, sorted by their UTF-8; empty folders are as if they were not there.

    Raises:
        InputError: There is no such folder.
        UnsafeMemberError: It holds links, special files or unportable names.
        LimitError: It holds too many names, or too long ones.
    """
    if not folder.is_dir():
        raise InputError(f"expected a folder, found none at {short(str(folder))}")
    names = Names(limits)
    found: list[str] = []
    special: list[str] = []
    for name, mode in _walk(folder, "", limits):
        if stat.S_ISREG(mode):
            names.add(name)
            found.append(name)
        else:
            special.append(f"{short(name)} ({_KINDS.get(stat.S_IFMT(mode), 'a special file')})")
    if special:
        raise UnsafeMemberError(f"expected plain files and folders only, found {', '.join(sorted(special)[:8])}")
    return sorted(found, key=lambda name: name.encode("utf-8"))


def open_inside(folder: Path, name: str, limits: Limits) -> BinaryIO:
    """Opens a plain file in a folder, every step of its path looked at without following a link.

    Raises:
        UnsafeMemberError: The name leaves the folder, or a part of it is a link or special file.
        InputError: There is no such file.
    """
    check_name(name, limits)
    *parents, last = name.split("/")
    try:
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"expected a folder, found none at {short(str(folder))}") from None
    try:
        for part in parents:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        # A FIFO would else wait for a writer.
        file = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    except FileNotFoundError:
        raise InputError(f"expected a file {short(name)} in {short(str(folder))}, found none") from None
    except OSError as error:  # ELOOP of a link, ENOTDIR of one to a folder, ENXIO of a socket
        raise UnsafeMemberError(f"{short(name)}: expected a plain file, found {error.strerror}") from None
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise UnsafeMemberError(f"{short(name)}: expected a plain file, found a folder or special file")
    return os.fdopen(file, "rb")


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yields what is left of a file in pieces."""
    while data := file.read(CHUNK):
        yield data


def _walk(folder: Path, prefix: str, limits: Limits) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = prefix + entry.name
            if len(name) > limits.name:  # before it is walked into, however deep it is
                raise LimitError(f"{short(name)}: expected a name of at most {limits.name:,} bytes, found a longer one")
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                yield from _walk(Path(entry.path), name + "/", limits)
            else:
                yield name, mode
