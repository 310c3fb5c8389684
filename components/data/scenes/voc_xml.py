"""One annotation file of Pascal VOC: parsed without entities, checked, its boxes turned into ours.

The fields are those of Everingham and Winn, "The PASCAL Visual Object Classes Challenge 2012 Development Kit". Its
boxes name the first and the last pixel, counted from 1; ours start at 0 and exclude the right and lower edge:
``(xmin - 1, ymin - 1, xmax, ymax)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NoReturn
from xml.etree import ElementTree
from xml.parsers import expat

from components.data.scenes.conversion import Annotated
from components.errors import DatasetError

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 16
MAX_NAME = 200

_EDGES = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class Annotation:
    """What is said of one picture: its size, where that is told, and its objects."""

    size: tuple[int, int] | None
    objects: tuple[Annotated, ...]


def parse(data: bytes, name: str, problems: list[str]) -> Annotation | None:
    """Reads an annotation file; what is wrong is added to ``problems`` with the file's name."""
    try:
        root = _parsed(data)
    except (DatasetError, expat.ExpatError, LookupError, ValueError) as error:
        problems.append(f"{name}: expected XML without a document type, found {error}")
        return None
    if root.tag != "annotation":
        problems.append(f"{name}: expected an <annotation>, found <{root.tag[:80]}>")
        return None
    objects, size = [], None
    try:
        size = _size(root)
    except DatasetError as error:
        problems.append(f"{name}: {error}")
    for i, element in enumerate(root.findall("object"), 1):
        try:
            objects.append(_object(element))
        except DatasetError as error:
            problems.append(f"{name}: object {i}: {error}")
    return Annotation(size, tuple(objects))


def _parsed(data: bytes) -> ElementTree.Element:
    """Parses with expat and refuses a DOCTYPE: without one there are no entities to expand or fetch."""
    builder, depth = ElementTree.TreeBuilder(), 0
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def begin(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise DatasetError(f"elements in each other more than {MAX_DEPTH} deep")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def doctype(*_: object) -> NoReturn:
        raise DatasetError("a document type")

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = builder.data, doctype
    parser.Parse(data, True)
    return builder.close()


def _size(root: ElementTree.Element) -> tuple[int, int] | None:
    element = root.find("size")
    if element is None:
        return None
    width, height = (_number(element, side) for side in ("width", "height"))
    if width == height == 0:  # as some tools write what they do not know
        return None
    if not (width.is_integer() and height.is_integer() and width > 0 and height > 0):
        raise DatasetError(f"expected a size in whole pixels, found {width:g} × {height:g}")
    return (int(width), int(height))


def _object(element: ElementTree.Element) -> Annotated:
    label = (element.findtext("name") or "").strip()
    if not 0 < len(label) <= MAX_NAME:
        raise DatasetError(f"expected a <name> of 1 to {MAX_NAME} characters, found {label[:40]!r}")
    difficult = (element.findtext("difficult") or "0").strip()
    if difficult not in ("0", "1"):
        raise DatasetError(f"expected 0 or 1 as <difficult>, found {difficult[:40]!r}")
    box = element.find("bndbox")  # a direct child: the parts of a person have boxes too
    if box is None:
        raise DatasetError("expected a <bndbox>, found none")
    x1, y1, x2, y2 = (_number(box, edge) for edge in _EDGES)
    if not (x1 <= x2 and y1 <= y2):
        raise DatasetError(f"expected xmin ≤ xmax and ymin ≤ ymax, found {x1:g}, {y1:g}, {x2:g}, {y2:g}")
    return Annotated(label, (x1 - 1, y1 - 1, x2, y2), difficult == "1")


def _number(element: ElementTree.Element, name: str) -> float:
    text = (element.findtext(name) or "").strip()
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DatasetError(f"expected a number as <{name}>, found {text[:40]!r}")
    return value
