"""HTML that is escaped because it cannot be written otherwise.

``tag`` takes its content as Python values. Whatever is not a ``Markup``, that is, whatever did not come out of ``tag``
or ``join`` itself, is text and is escaped, in elements and in attributes. No block of a page formats tags into strings.
"""

from __future__ import annotations

import base64
import html
import re
import unicodedata
from collections.abc import Iterable
from typing import Protocol

LONGEST = 2_000
"""Characters of any text that is shown; what is expected to be a name is cut earlier, by ``short``."""

NAME = 90
"""Characters of a name in a table or under a picture."""

# In HTML these have no end tag; in the page's inline SVG each element has one.
_VOID = frozenset({"br", "hr", "img", "meta"})

_IMAGE = re.compile(r"image/(png|jpeg)")


class Markup(str):
    """A piece of HTML."""

    __slots__ = ()


Child = str | int | float | None


class Block(Protocol):
    """Anything that can stand in a section."""

    def render(self) -> Markup:
        """Returns the block's HTML."""


def tag(element: str, /, *children: Child, **attributes: Child | bool) -> Markup:
    """Returns an element.

    Args:
        element: Its name.
        children: Its content: ``Markup`` as it is, anything else escaped, None left out.
        attributes: A trailing ``_`` is dropped and another becomes ``-`` (``class_``, ``stroke_width``); None and False
            leave the attribute out, True writes it without a value.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if element in _VOID:
        return Markup(f"<{element}{written}>")
    return Markup(f"<{element}{written}>{join(children)}</{element}>")


def join(children: Iterable[Child]) -> Markup:
    """Returns several pieces as one."""
    return Markup("".join(_content(child) for child in children))


def image_uri(data: bytes, media_type: str) -> Markup:
    """Returns a picture as a ``data:`` URI, the only kind of address that a page holds.

    Raises:
        ValueError: The type is neither ``image/png`` nor ``image/jpeg``; SVG is a program.
    """
    if not _IMAGE.fullmatch(media_type):
        raise ValueError(f"expected image/png or image/jpeg, found {media_type!r}")
    return Markup(f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}")


def visible(text: str) -> str:
    r"""Returns a text without anything that acts instead of being seen.

    Control and format characters (among them those that turn the direction of writing), lone surrogates and unassigned
    ones come out as ``\u202e``; line breaks and tabs as blanks.
    """
    return "".join(_seen(character) for character in text)


def short(text: str, length: int = 80) -> str:
    """Returns a text for one line: visible, and cut with its length told if it is over ``length`` characters."""
    if len(text) <= length:
        return visible(text)
    return f"{visible(text[:length])}… ({len(text):,} characters)"


def _seen(character: str) -> str:
    if character in "\t\n\r":
        return " "
    if unicodedata.category(character) in ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"):
        return f"\\u{ord(character):04x}"
    return character


def _content(child: Child) -> str:
    if child is None:
        return ""
    return str(child) if isinstance(child, Markup) else html.escape(short(str(child), LONGEST))


def _attribute(key: str, value: Child | bool) -> str:
    if value is None or value is False:
        return ""
    name = key.removesuffix("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{_content(value)}"'
