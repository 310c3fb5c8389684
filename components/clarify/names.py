"""File names that are safe whatever a picture is called, and differ where the pictures do."""

from __future__ import annotations

import re

_LONGEST = 80
_OTHER = re.compile(r"[^A-Za-z0-9._-]+")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}\Z")


class Names:
    """Gives each picture a name of its own.

    A path's separators and all that a file system, a URL or a shell might take for something else become ``_``; a name
    that was given before, in whatever case, gets a number.

    Args:
        longest: Characters of a name, at most.
    """

    def __init__(self, longest: int = _LONGEST) -> None:
        self._longest = longest
        self._given: set[str] = set()

    def of(self, path: str) -> str:
        """Returns a name of 1 to ``longest`` characters out of ``A-Za-z0-9._-``.

        It is ``train_009.bear`` for ``train/009.bear.jpg``. The same paths in the same order get the same names.
        """
        first = name = plain(_SUFFIX.sub("", path), self._longest)
        number = 1
        while name.lower() in self._given:
            number += 1
            ending = f"-{number}"
            name = first[: self._longest - len(ending)] + ending
        self._given.add(name.lower())
        return name


def plain(text: str, longest: int = _LONGEST) -> str:
    """Returns a text as a part of a file name, 1 to ``longest`` characters out of ``A-Za-z0-9._-``."""
    return _OTHER.sub("_", text).strip("._-")[:longest].rstrip("._-") or "picture"
