"""Where the tensors of a step lie, and what the names of the files say.

::

    {place}/steps/{MODE}/{step // 1000, 9 digits}/{step, 12 digits}_{worker}[_{event id}].safetensors
    {place}/parameters/{SHA-256 of the file}.safetensors

The names of the step files are the index: no other file has to agree with them, and a step can be seen as soon as its
one file is there. The folders of a thousand steps are smdebug's (awslabs/sagemaker-debugger, ``core/index_reader.py``);
its index file a step is what they replace. Each writer has a random id of its own, so that two of them never write one
name. What a module keeps between steps (parameters, buffers, the eps of a normalisation) lies in a file named by its
content, once as long as it does not change; a step's ``__metadata__`` names it. Files appear whole or not at all
(``components.storage``).
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from components.errors import InputError

STEPS, PARAMETERS = "steps", "parameters"
SUFFIX = ".safetensors"
FORMAT = "roadworthy tensors 1"
GROUP = 1000
LAST = 10**12 - 1

FILE_BYTES = 2 * 1024**3
"""Of the largest file that is written or read."""

_FILE = re.compile(r"(\d{12})_([0-9a-f]{12})(?:_([A-Za-z0-9][A-Za-z0-9._-]{0,127}))?\.safetensors")
_EVENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Mode(Enum):
    """What a model is doing; the values are smdebug's ``ModeKeys``.

    ``GLOBAL`` stands for no mode in particular: what a hook writes that was told none, and any mode in a query.
    """

    TRAIN = 1
    EVAL = 2
    PREDICT = 3
    GLOBAL = 4


class Key(NamedTuple):
    """Which step of which writer a file holds.

    Attributes:
        mode: What the model was doing.
        number: Of the step in this mode, from 0.
        worker: The writer's id, 12 hexadecimal digits.
        event_id: Of the exchange that the step belongs to (``record.Exchange.event_id``), None for none.
    """

    mode: Mode
    number: int
    worker: str
    event_id: str | None = None

    @property
    def path(self) -> str:
        """The file's key below the place."""
        event = "" if self.event_id is None else f"_{self.event_id}"
        return f"{STEPS}/{self.mode.name}/{group(self.number)}/{self.number:012d}_{self.worker}{event}{SUFFIX}"


def group(number: int) -> str:
    """Returns the folder's name of a step."""
    return f"{number // GROUP:09d}"


def parse(mode: Mode, folder: str, name: str) -> Key | None:
    """Returns what a file's name says; None for a file that is no step, or lies in another folder than its own."""
    found = _FILE.fullmatch(name)
    if found is None or group(int(found[1])) != folder:
        return None
    return Key(mode, int(found[1]), found[2], found[3])


def event(text: str | None) -> str | None:
    """Returns an event id if it is fit for a file's name.

    Raises:
        InputError: It is not.
    """
    if text is not None and not _EVENT.fullmatch(text):
        raise InputError(f"expected an event id of letters, digits, '.', '_' and '-', found {text[:80]!r}")
    return text


def is_digest(text: str) -> bool:
    """Whether a text can be the name of a file of parameters."""
    return _DIGEST.fullmatch(text) is not None
