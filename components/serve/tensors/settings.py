"""What shall be recorded, and the file that says so while the server runs.

The file is a JSON object with any of these keys; what is missing is as the command line has it::

    {"enabled": true, "percentage": 5, "include_regex": ".*bn|.*bias|.*downsample|.*ResNet_input|.*image"}

It is read each second, whole: a mounted ConfigMap is a link that is exchanged, which no watch on the file itself would
see. What cannot be taken is told, counted, and changes nothing.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from components.capture import record
from components.errors import InputError

POLL_SECONDS = 1.0
FILE_BYTES = 64 * 1024


class Settings(NamedTuple):
    """What is recorded of a server's traffic.

    Attributes:
        enabled: Whether anything is.
        percentage: Of the answered requests, by their event ids (``record.sampled``).
        include_regex: Names of tensors (``capture.tensors.names``); empty for the pixels and logits alone, which are
            recorded in any case.
    """

    enabled: bool = True
    percentage: float = 1.0
    include_regex: str = ""


def read(data: bytes, base: Settings) -> Settings:
    """Returns what a file says, and ``base`` where it says nothing.

    Raises:
        InputError: No JSON object, an unknown key, or a value that makes no sense.
    """
    if len(data) > FILE_BYTES:
        raise InputError(f"expected at most {FILE_BYTES} bytes of JSON, found more")
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InputError(f"expected JSON, found {error}") from None
    if not isinstance(found, dict) or not set(found) <= set(Settings._fields):
        shown = ", ".join(map(repr, sorted(found)))[:200] if isinstance(found, dict) else type(found).__name__
        raise InputError(f"expected an object with the keys {', '.join(Settings._fields)}, found {shown}")
    return checked(base._replace(**found))


def checked(settings: Settings) -> Settings:
    """Returns settings whose values can be.

    Raises:
        InputError: They cannot.
    """
    enabled, percentage, include_regex = settings
    numeric = isinstance(percentage, int | float) and not isinstance(percentage, bool)
    if not isinstance(enabled, bool) or not numeric or not isinstance(include_regex, str):
        raise InputError(
            "expected enabled as true or false, percentage as a number and include_regex as a text, "
            f"found {enabled!r}, {percentage!r}, {str(include_regex)[:80]!r}"
        )
    record.threshold(percentage)
    return settings


class Watched(threading.Thread):
    """Follows the file.

    Args:
        path: The file; it need not be there.
        base: What the command line says.
        check: Raises InputError for an include_regex that this model has nothing for.
        take: Is called with the settings whenever they have changed.

    Attributes:
        errors: How often the file held what cannot be taken, or could no longer be read.
    """

    def __init__(
        self, path: Path, base: Settings, check: Callable[[str], Any], take: Callable[[Settings], None]
    ) -> None:
        super().__init__(name="tensor-config", daemon=True)
        self.errors = 0
        self._path = path
        self._base = base
        self._check = check
        self._take = take
        self._last: bytes | str | None = None
        self._over = threading.Event()

    def run(self) -> None:
        """Looks each second, until ``close``."""
        while not self._over.wait(POLL_SECONDS):
            self.look()

    def close(self) -> None:
        """Ends the thread."""
        self._over.set()

    def look(self) -> None:
        """Reads the file, and acts if it is not as it was."""
        try:
            with self._path.open("rb") as file:
                found: bytes | str = file.read(FILE_BYTES + 1)
        except FileNotFoundError:
            found = "" if self._last in (None, "") else "no file any more"
        except OSError as error:
            found = f"{error.strerror}"
        if found == self._last:
            return
        self._last = found
        if found != "":
            self._act(found)

    def _act(self, found: bytes | str) -> None:
        try:
            if isinstance(found, str):
                raise InputError(f"expected a file, found {found}")
            settings = read(found, self._base)
            if settings.include_regex:
                self._check(settings.include_regex)
        except InputError as error:
            self.errors += 1
            print(f"tensors: {self._path}: {error}; the settings stay as they are", file=sys.stderr, flush=True)
            return
        print(f"tensors: {self._path}: {settings}", file=sys.stderr, flush=True)
        self._take(settings)
