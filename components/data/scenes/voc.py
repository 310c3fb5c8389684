"""Reads a dataset in the layout of Pascal VOC's development kit.

::

    VOC2007/Annotations/000005.xml
    VOC2007/JPEGImages/000005.jpg
    VOC2007/ImageSets/Main/{train,val,trainval,test}.txt

The place may be one such folder or hold several; what lies in all of them is taken. The annotation of a picture has its
name; what it says as ``<filename>`` is not looked at. ``train`` and ``val`` become train and validation; ``trainval``
alone becomes train. Without image sets every annotated picture is taken and dealt by lot; a split that has no set is
dealt from train.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from components.data.index import refuse
from components.data.scenes.conversion import Picture
from components.data.scenes.files import Files
from components.data.scenes.voc_xml import MAX_BYTES, parse
from components.errors import DatasetError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG")

_FOLDER = "Annotations/"
_MAX_SET = 256 * 1024 * 1024


def read(files: Files, classes: Sequence[str] = ()) -> tuple[list[Picture], tuple[str, ...]]:
    """Reads every annotation that the image sets name.

    Args:
        files: The folder.
        classes: Names of classes in the order of their numbers; all that occur, in alphabetical order, when empty.

    Returns:
        The pictures, and the classes' names.

    Raises:
        DatasetError: Says every annotation that is malformed, and every file that is missing.
    """
    problems: list[str] = []
    pictures = [picture for root in _roots(files) for picture in _pictures(files, root, problems)]
    if not pictures and not problems:
        problems.append(f"expected Annotations/*.xml as in VOCdevkit/VOC2007, found {', '.join([*files.names][:3])}")
    found = {one.label for picture in pictures for one in picture.objects}
    problems += (f"expected objects of the class {label!r}, found none" for label in classes if label not in found)
    if not problems and not found:
        problems.append("expected objects in the annotations, found none")
    refuse(problems, str(files.base))
    return pictures, tuple(classes) or tuple(sorted(found))


def _roots(files: Files) -> list[str]:
    """Returns the folders that hold annotations, each with its slash; empty for the place itself."""
    places = (name.rpartition("/")[0] + "/" for name in files.names if name.endswith(".xml"))
    return sorted({p.removesuffix(_FOLDER) for p in places if p == _FOLDER or p.endswith("/" + _FOLDER)})


def _pictures(files: Files, root: str, problems: list[str]) -> Iterator[Picture]:
    for split, identity in _members(files, root, problems):
        where = f"{root}{_FOLDER}{identity}.xml"
        name = next((n for e in EXTENSIONS if (n := f"{root}JPEGImages/{identity}{e}") in files.names), None)
        if name is None:
            problems.append(f"{root}JPEGImages/{identity}.jpg: expected a picture for {where}, found none")
        try:
            annotation = parse(files.read(where, MAX_BYTES), where, problems)
        except DatasetError as error:
            problems.append(str(error))
            continue
        if name and annotation:
            yield Picture(name, where, split, annotation.size, annotation.objects)


def _members(files: Files, root: str, problems: list[str]) -> Iterator[tuple[str, str]]:
    """Yields the split and the name of each picture."""
    sets = {part: f"{root}ImageSets/Main/{part}.txt" for part in ("train", "val", "trainval", "test")}
    there = {part: name for part, name in sets.items() if name in files.names}
    if not there:
        start = root + _FOLDER
        yield from (("", n[len(start) : -4]) for n in files.names if n.startswith(start) and n.endswith(".xml"))
        return
    if "train" in there or "val" in there:
        there.pop("trainval", None)
    seen: dict[str, str] = {}
    for part, name in there.items():
        split = {"train": "train", "val": "validation", "trainval": "train", "test": "test"}[part]
        for identity in _lines(files, name, problems):
            if identity in seen:
                problems.append(f"{name}: expected {identity} in one set, found it in {seen[identity]} too")
                continue
            seen[identity] = name
            yield split, identity


def _lines(files: Files, name: str, problems: list[str]) -> list[str]:
    try:
        lines = files.read(name, _MAX_SET).decode("utf-8").splitlines()
    except (DatasetError, UnicodeDecodeError) as error:
        problems.append(f"{name}: expected a list of names, found {error}")
        return []
    found = []
    for i, line in enumerate(lines, 1):
        words = line.split()
        if len(words) == 1:
            found.append(words[0])
        elif words:
            problems.append(f"{name}, line {i}: expected one name, found {line[:80]!r}")
    return found
