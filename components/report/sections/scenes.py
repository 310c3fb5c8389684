"""A dataset for detectors: pictures and objects of each class and split, and some pictures with their boxes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from components.data.index import SPLITS
from components.images import decode
from components.report import wording
from components.report.blocks import Block, Figure, Figures, Heading, Picture, PictureGrid, Table, Text
from components.report.boxed import boxed
from components.report.lineage import Link
from components.report.page import Section

if TYPE_CHECKING:
    from components.data.scenes.dataset import Scenes, SceneSplit
    from components.data.scenes.index import ObjectRow

SAMPLES = {"train": 4, "validation": 2, "test": 6}
"""Pictures of each split that are shown."""

_SIDE = 320  # of a picture, in pixels
_CLASSES = 500  # in the table
_NAMED = 4  # classes under a picture
_DRAWN = 50  # boxes on it
_NOTES = 20


def section(scenes: Scenes) -> Section:
    """Returns the section.

    Raises:
        DatasetError: A sample's file is missing or changed.
        ImageError: A sample is no picture.
    """
    rows = [row for of in scenes.rows.values() for row in of]
    blocks: list[Block] = [
        Figures(_figures(scenes, rows)),
        _table(scenes, rows),
        Heading("Samples"),
        PictureGrid([_sample(part, i) for part in map(scenes.split, SAMPLES) for i in spread(part)], width=165),
        Text("Evenly spread over each split; the number at a box is that of its class.", quiet=True),
        *(Text(note, quiet=True) for note in scenes.notes[:_NOTES]),
    ]
    made = "Composed" if scenes.source == "signs" else f"Read from {scenes.source}"
    return Section("Data", blocks, f"{made}, boxes in pixels of each picture. Seed {scenes.seed}.")


def link(scenes: Scenes) -> Link:
    """Returns the dataset's place in the lineage."""
    objects = sum(len(rows) for rows in scenes.rows.values())
    note = f"{wording.count(len(scenes.images))} pictures with {wording.count(objects)} objects, seed {scenes.seed}"
    return Link("Dataset", scenes.name, scenes.digest, note)


def spread(split: SceneSplit) -> list[int]:
    """Returns the places of the pictures of a split that are shown, evenly spread over it."""
    count = min(SAMPLES[split.name], len(split))
    return [(2 * i + 1) * len(split) // (2 * count) for i in range(count)]


def _figures(scenes: Scenes, rows: list[ObjectRow]) -> list[Figure]:
    of = Counter(row.path.split("/")[1] for row in rows)
    empty = sum(image.path not in scenes.rows for image in scenes.images)
    left_out = sum(row.difficult or row.crowd for row in rows)
    proof = f"{wording.count(left_out)} of them difficult or crowds" if left_out else "all to be found"
    splits = [
        Figure(wording.words(split), wording.count(n), proof=f"{wording.count(of[split])} objects")
        for split, n in scenes.counts.items()
    ]
    return [
        Figure("Pictures", wording.count(len(scenes.images)), proof=f"{wording.count(empty)} without an object"),
        Figure("Objects", wording.count(len(rows)), proof=proof),
        Figure("Classes", wording.count(len(scenes.labels))),
        *splits,
    ]


def _table(scenes: Scenes, rows: list[ObjectRow]) -> Table:
    objects = Counter((row.class_id, row.path.split("/")[1]) for row in rows)
    pictures = Counter(class_id for class_id, _ in {(row.class_id, row.path) for row in rows})
    lines: list[list[str | int]] = []
    for class_id, label in enumerate(scenes.labels[:_CLASSES]):
        counts = [objects[class_id, split] for split in SPLITS]
        lines.append([f"{class_id} {label}", *counts, sum(counts), pictures[class_id]])
    caption = f"Objects of every class ({len(lines)}) in each split"
    if len(lines) < len(scenes.labels):
        caption = f"Objects of the first {len(lines)} of {len(scenes.labels)} classes in each split"
    heads = ("class", *SPLITS, "all", "in pictures")
    return Table(heads, lines, caption, frozenset({1, 2, 3, 4, 5}), folded=len(lines) > 12, phone="cards")


def _sample(split: SceneSplit, i: int) -> Picture:
    there, image = split.objects(i), split.images[i]
    pixels = decode(split.read_bytes(i))
    drawn = boxed(pixels, there.class_ids[:_DRAWN].tolist(), there.boxes[:_DRAWN], _SIDE)
    labels = Counter((row.class_id, row.label) for row in split.rows.get(image.path, ()))
    named = [f"{class_id} {label}" + (f" × {n}" if n > 1 else "") for (class_id, label), n in labels.most_common()]
    shown = named[:_NAMED] + ([f"{len(named) - _NAMED} more classes"] if len(named) > _NAMED else [])
    name = image.path.removeprefix("images/")
    return Picture(drawn, f"{name}: {', '.join(shown) or 'no object'}", (*(shown or ["no object"]), name))
