"""From somebody's annotated pictures to a scenes folder: classes, splits, sizes and boxes are settled here."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from components.data.index import SPLITS, refuse
from components.data.progress import Progress
from components.data.scenes.files import Files
from components.data.scenes.index import Box, Thing
from components.data.scenes.pictures import Stored, stored
from components.data.scenes.writer import ScenesWriter
from components.data.splits import FRACTIONS, split_by_track
from components.errors import DatasetError, ImageError
from components.images import Limits

SLACK = 1.0
"""How far a box may reach beyond its picture and be cut, in pixels: tools round, and some write VOC's boxes from 0."""


@dataclass(frozen=True)
class Annotated:
    """One object of a picture.

    Attributes:
        label: Its class's name.
        box: In pixels of the upright picture, right and lower edge excluded; not yet compared with the picture.
        difficult: VOC's flag.
        crowd: COCO's flag.
    """

    label: str
    box: Box
    difficult: bool = False
    crowd: bool = False


@dataclass(frozen=True)
class Picture:
    """One picture and what is said of it.

    Attributes:
        name: Of its file.
        where: What says it, for messages: ``Annotations/000005.xml``.
        split: ``train``, ``validation`` or ``test``; empty where nobody says.
        size: Width and height in pixels, where they are told.
        objects: What it shows.
    """

    name: str
    where: str
    split: str
    size: tuple[int, int] | None
    objects: tuple[Annotated, ...]


def convert(
    files: Files,
    pictures: Sequence[Picture],
    folder: Path,
    *,
    name: str,
    source: str,
    labels: Sequence[str],
    only: bool,
    seed: int,
    counts: Mapping[str, int],
) -> None:
    """Writes pictures with their objects into an empty folder.

    Args:
        files: Where the pictures lie.
        pictures: Each file once.
        folder: Where to write the dataset.
        name: What people call it.
        source: Where it came from.
        labels: One a class, in the order of their numbers.
        only: Objects of other classes are left out, and so are pictures that show none of the ``labels``.
        seed: Deals what nobody has split, and draws what is taken of too many.
        counts: Pictures of each split at most; 0 for all.

    Raises:
        DatasetError: Says every file that is missing, no picture, or not as its annotation says.
    """
    chosen = [_only(p, labels) for p in pictures] if only else [*pictures]
    shown = [p for p in chosen if p.objects] if only else chosen
    often = Counter(picture.name for picture in shown)
    refuse((f"{one}: expected once, found {n} times" for one, n in often.items() if n > 1), str(files.base))
    dealt, said = _dealt(shown, seed)
    taken = [picture for split in SPLITS for picture in _drawn(dealt, split, counts.get(split, 0), seed)]
    if not taken:
        raise DatasetError(f"{files.base}: expected pictures of {', '.join(labels)[:200]}, found none")
    with ScenesWriter(folder, name=name, source=source, labels=labels, seed=seed, notes=said) as writer:
        if len(shown) < len(pictures):
            left = len(pictures) - len(shown)
            writer.note(f"left out, since they show none of the classes: {left} of {len(pictures)} pictures")
        _write(files, taken, labels, writer)


def _only(picture: Picture, labels: Sequence[str]) -> Picture:
    return replace(picture, objects=tuple(one for one in picture.objects if one.label in labels))


def _dealt(pictures: Sequence[Picture], seed: int) -> tuple[list[Picture], list[str]]:
    """Deals the training pictures to the splits that nobody has named."""
    given = {picture.split for picture in pictures} & {"validation", "test"}
    missing = [split for split in ("validation", "test") if split not in given]
    training = [picture.name for picture in pictures if picture.split in ("", "train")]
    if not missing or not training:
        return [replace(p, split=p.split or "train") for p in pictures], []
    fractions = {split: FRACTIONS[split] for split in ("train", *missing)}
    splits = split_by_track({0: training}, fractions, seed)
    note = f"{' and '.join(missing)}: dealt by lot from the {len(training)} pictures for training or without a split"
    return [replace(p, split=splits.get(p.name, p.split)) for p in pictures], [note]


def _drawn(pictures: Sequence[Picture], split: str, most: int, seed: int) -> list[Picture]:
    found = [picture for picture in pictures if picture.split == split]
    if most and len(found) > most:
        found = sorted(found, key=lambda p: hashlib.sha256(f"{seed}/{p.name}".encode()).digest())[:most]
    return sorted(found, key=lambda p: p.name)


def _write(files: Files, pictures: Sequence[Picture], labels: Sequence[str], writer: ScenesWriter) -> None:
    problems: list[str] = []
    splits: dict[str, set[str]] = {}
    numbers: Counter[str] = Counter()
    turned = 0
    for picture, kept in _read(files, pictures, problems):
        things = [Thing(labels.index(o.label), _cut(o.box, kept.size), o.difficult, o.crowd) for o in picture.objects]
        number = numbers[picture.split]
        writer.add(
            kept.data, split=picture.split, number=number, size=kept.size, objects=things, extension=kept.extension
        )
        numbers[picture.split] += 1
        turned += kept.orientation != 1
        splits.setdefault(hashlib.sha256(kept.data).hexdigest(), set()).add(picture.split)
    refuse(problems, str(files.base))
    if turned:
        writer.note(f"turned upright as their EXIF says, and encoded anew: {turned} of {len(pictures)} pictures")
    if copies := sum(len(of) > 1 for of in splits.values()):
        writer.note(f"in more than one split, byte by byte the same: {copies} of {len(splits)} different pictures")


def _read(files: Files, pictures: Sequence[Picture], problems: list[str]) -> Iterator[tuple[Picture, Stored]]:
    """Yields each picture that is as its annotation says; after the first problem only looks for more of them."""
    progress = Progress("read", len(pictures), "pictures")
    for picture in pictures:
        try:
            kept = stored(files.read(picture.name, Limits().bytes))
        except (DatasetError, ImageError) as error:
            problems.append(f"{picture.name}: {str(error).removeprefix(picture.name + ': ')}")
        else:
            problems += (f"{picture.where}: {problem}" for problem in _mismatches(picture, kept))
            if not problems:
                yield picture, kept
        progress.step()


def _mismatches(picture: Picture, kept: Stored) -> Iterator[str]:
    width, height = kept.size
    if picture.size and picture.size != kept.size:
        upright = f" (upright, as EXIF's orientation {kept.orientation} says)" if kept.orientation != 1 else ""
        told = f"{picture.size[0]} × {picture.size[1]}"
        yield f"expected the picture's {width} × {height} pixels{upright}, found {told}"
    for one in picture.objects:
        x1, y1, x2, y2 = _cut(one.box, kept.size)
        near = all(-SLACK <= edge <= side + SLACK for edge, side in zip(one.box, kept.size * 2, strict=True))
        if not near or x1 >= x2 or y1 >= y2:
            shown = ", ".join(f"{edge:g}" for edge in one.box)
            yield f"expected the box of {one.label[:80]!r} inside {width} × {height} pixels, found {shown}"


def _cut(box: Box, size: tuple[int, int]) -> Box:
    x1, y1, x2, y2 = (min(max(edge, 0.0), float(side)) for edge, side in zip(box, size * 2, strict=True))
    return (x1, y1, x2, y2)
