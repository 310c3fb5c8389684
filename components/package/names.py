"""Which names a package may have: those that mean the same file on every system.

Roadworthy's own names are plain; the rules refuse what is plain on one system and something else on another:
``..`` and absolute paths (which leave the folder), backslashes and drive letters (which do so on Windows), names that
differ only in case or in Unicode normalisation (which are one file on macOS and Windows), and characters that hide in
a terminal or a report.
"""

from __future__ import annotations

import unicodedata

from components.errors import LimitError, UnsafeMemberError
from components.package.limits import Limits
from components.package.strict import short

_RESERVED = frozenset(
    ["con", "prn", "aux", "nul"] + [f"{device}{n}" for device in ("com", "lpt") for n in range(1, 10)]
)
_UNPORTABLE = frozenset('\\:*?"<>|')
_HIDDEN = frozenset(["Cc", "Cf", "Cs", "Co", "Zl", "Zp"])  # control, format (writing direction), surrogate, private, …
_PART_BYTES = 255  # NAME_MAX of ext4, xfs, APFS and NTFS


def check_name(name: str, limits: Limits) -> None:
    """Checks one relative path with ``/`` between its parts.

    Raises:
        LimitError: The name is longer than ``limits.name``.
        UnsafeMemberError: The name would leave the folder or is not the same file on every system.
    """
    if not name.isascii():
        _check_unicode(name)
    length = len(name.encode("utf-8"))
    if length > limits.name:
        raise LimitError(f"{short(name)}: expected a name of at most {limits.name:,} bytes, found {length:,}")
    if bad := sorted({c for c in name if c in _UNPORTABLE or ord(c) < 32 or ord(c) == 127}):
        raise UnsafeMemberError(f"{short(name)}: expected a portable name, found {short(''.join(bad))} in it")
    for part in name.split("/"):
        if problem := _problem(part):
            raise UnsafeMemberError(f"{short(name)}: expected a plain relative path, found {problem}")


class Names:
    """The names of one package so far; refuses the one that would fall onto another.

    Args:
        limits: Bounds the length of each name and their number.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._count = 0
        self._folded: dict[str, tuple[str, bool]] = {}

    def add(self, name: str, folder: bool = False) -> None:
        """Adds a file, or a folder, which may come more than once.

        Raises:
            LimitError: Too many names, or too long a one.
            UnsafeMemberError: The name is unsafe, a second file of this name (as macOS and Windows compare names),
                or needs a folder where there is a file.
        """
        self._count += 1
        if self._count > self._limits.members:
            raise LimitError(f"expected at most {self._limits.members:,} members, found more")
        check_name(name, self._limits)
        parts = name.split("/")
        for end in range(1, len(parts)):
            self._place("/".join(parts[:end]), name, folder=True)
        self._place(name, name, folder)

    def _place(self, path: str, name: str, folder: bool) -> None:
        key = unicodedata.normalize("NFC", path.casefold())
        there = self._folded.get(key)
        if there is not None and not (folder and there == (path, True)):
            raise UnsafeMemberError(f"{short(name)}: expected each name once, found {short(there[0])} before it")
        self._folded[key] = (path, folder)


def _check_unicode(name: str) -> None:
    hidden = sorted({c for c in name if unicodedata.category(c) in _HIDDEN})
    if hidden:
        raise UnsafeMemberError(f"{short(name)}: expected a visible name, found {''.join(hidden)!a} in it")
    if not unicodedata.is_normalized("NFC", name):
        raise UnsafeMemberError(f"{short(name)}: expected a name in Unicode NFC, found another normalisation")


def _problem(part: str) -> str | None:
    if part in ("", ".", ".."):
        return f"the part {part!r}"
    if part[0] == " " or part[-1] in " .":
        return f"a blank or dot at the edge of {short(part)}"
    if part.split(".", maxsplit=1)[0].rstrip().casefold() in _RESERVED:
        return f"{short(part)}, a device on Windows"
    if len(part.encode("utf-8")) > _PART_BYTES:
        return f"a part of over {_PART_BYTES} bytes"
    return None
