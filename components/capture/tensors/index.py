"""Which steps are in a place: read from the names of its files, by listing folders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from components.capture.tensors import files
from components.capture.tensors.files import Key, Mode
from components.storage import Entry, Place


class Found(NamedTuple):
    """A file of a step.

    Attributes:
        key: What its name says.
        place: Where it is.
        size: In bytes.
    """

    key: Key
    place: Place
    size: int


class Index:
    """The steps of a place. Files that are no steps are not seen.

    Args:
        root: The place.
    """

    def __init__(self, root: Place) -> None:
        self._root = root

    def all(self) -> Iterator[Found]:
        """Yields every step, by mode and number.

        Raises:
            StorageError: The place cannot be read.
        """
        for mode in Mode:
            for folder in self._groups(mode):
                yield from self._steps(mode, folder)

    def of(self, modes: tuple[Mode, ...], number: int) -> Iterator[Found]:
        """Yields the steps of one number: one folder of at most a thousand numbers is listed a mode.

        Raises:
            StorageError: The place cannot be read.
        """
        for mode in modes:
            folder = self._root.child(files.STEPS, mode.name, files.group(number))
            yield from (found for found in self._steps(mode, folder) if found.key.number == number)

    def last(self, mode: Mode) -> int:
        """Returns the highest number of a mode, -1 if there is no step of it.

        Raises:
            StorageError: The place cannot be read.
        """
        for folder in reversed(list(self._groups(mode))):
            if numbers := [found.key.number for found in self._steps(mode, folder)]:
                return max(numbers)
        return -1

    def parameters(self) -> dict[str, Entry]:
        """Returns the files of parameters by their digests.

        Raises:
            StorageError: The place cannot be read.
        """
        found = {}
        for entry in self._root.child(files.PARAMETERS).entries():
            digest = entry.place.name.removesuffix(files.SUFFIX)
            if not entry.folder and entry.place.name == digest + files.SUFFIX and files.is_digest(digest):
                found[digest] = entry
        return found

    def _groups(self, mode: Mode) -> Iterator[Place]:
        for entry in self._root.child(files.STEPS, mode.name).entries():
            name = entry.place.name
            if entry.folder and len(name) == 9 and name.isascii() and name.isdigit():
                yield entry.place

    def _steps(self, mode: Mode, folder: Place) -> Iterator[Found]:
        for entry in folder.entries():
            key = None if entry.folder else files.parse(mode, folder.name, entry.place.name)
            if key is not None:
                yield Found(key, entry.place, entry.size)
