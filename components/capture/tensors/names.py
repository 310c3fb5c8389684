"""The names of tensors: smdebug's, made unambiguous.

=====================================  ==================================================================
``ResNet_bn1.bias``                    a parameter or buffer: the model's class, "_", its path
``ResNet_bn1.eps``                     the constant of a normalisation, float64 ``()``
``ResNet_layer1.0.bn1_output_0``       what a module gave; counted over its calls and outputs in the step
``ResNet_layer1.0.bn1_input_0``        what a module was given, before it ran
``ResNet_input_0``                     what the model was given
``gradient/…_output_0``                with respect to what a module gave
``gradient/ResNet_bn1.bias``           with respect to a parameter
``gradient/image``                     with respect to the model's first input
=====================================  ==================================================================

smdebug 1.0 writes ``layer1.0.bn1_output_0`` for modules and ``ResNet_layer1.0.bn1.bias`` for their parameters
(``pytorch/hook.py``, ``register_module`` and ``_log_params``). Here both begin with the class, so that cutting
``_output_0`` from a name gives the prefix of the module's parameters, and no name has two meanings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

from components.errors import InputError

GRADIENT = "gradient/"
IMAGE = "image"
LENGTH = 512

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.:+-]*)*")
_WORD = re.compile(r"[A-Za-z0-9_]+(?:[./][A-Za-z0-9_]+)*")
_ALIKE = 0.55  # of SequenceMatcher's ratio, below which a name is no near miss


def of_module(root: str, path: str) -> str:
    """Returns the name of a module: the model's class alone for the model itself (an empty path)."""
    return f"{root}_{path}" if path else root


def known(name: str) -> str:
    """Returns a tensor's name if it can be one: segments of letters, digits and ``_.:+-``, none beginning with a dot.

    Raises:
        InputError: It cannot.
    """
    if len(name) > LENGTH or not _NAME.fullmatch(name) or ".." in name:
        raise InputError(f"expected a tensor's name like 'gradient/ResNet_bn1.bias', found {name[:80]!r}")
    return name


def pattern(text: str) -> re.Pattern[str]:
    """Compiles what a user gave as include_regex; names are searched with it, as smdebug does.

    Raises:
        InputError: It is no regular expression, or longer than 2,000 characters.
    """
    if len(text) > 2000:
        raise InputError(f"expected a regular expression of at most 2000 characters, found {len(text)}")
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise InputError(f"expected a regular expression, found {text[:80]!r}: {error}") from None


def nearest(wanted: str, names: Iterable[str], most: int = 5) -> list[str]:
    """Returns the names that are most alike a name or regular expression that matches none of them, best first."""
    words = [word.lower() for word in _WORD.findall(wanted)]
    scored = sorted((-_likeness(words, name), name) for name in names)
    return [name for likeness, name in scored[:most] if -likeness >= _ALIKE]


def near_misses(wanted: str, names: Iterable[str]) -> str:
    """Says what ``nearest`` found, for the end of a message."""
    names = list(names)
    found = nearest(wanted, names)
    if found:
        return "nearest: " + ", ".join(found)
    return f"{len(names)} names, such as {', '.join(names[:5])}" if names else "there are no tensors at all"


def _likeness(words: list[str], name: str) -> float:
    parts = [name.lower(), *re.split(r"[./]|_(?=output|input)", name.lower())]
    return max((SequenceMatcher(None, word, part).ratio() for word in words for part in parts), default=0.0)
