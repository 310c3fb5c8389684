"""The dataset: its counts, and samples of every class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from components.data.dataset import Dataset
from components.data.index import SPLITS, Row
from components.report import wording
from components.report.blocks import Block, Figure, Figures, Heading, Picture, PictureGrid, Table, Text
from components.report.lineage import Link
from components.report.page import Section
from components.report.thumbnails import strip

SAMPLES = 4
_SIDE = 72  # of a sample, in pixels
_MOST = 200  # classes whose samples are shown


def section(dataset: Dataset) -> Section:
    """Returns the section.

    Raises:
        DatasetError: A sample's file is missing or changed.
        ImageError: A sample is no image.
    """
    classes: dict[int, list[Row]] = {}
    for row in dataset.rows:
        classes.setdefault(row.class_id, []).append(row)
    shown = sorted(classes)[:_MOST]
    blocks: list[Block] = [
        Figures(_figures(dataset, classes)),
        Heading("Samples of every class" if len(shown) == len(classes) else f"Samples of the first {_MOST} classes"),
        PictureGrid([_samples(dataset, classes[c]) for c in shown], width=180),
        Text("Each strip shows different physical signs of the class where there are as many.", quiet=True),
        _table(classes),
    ]
    made = "Rendered" if dataset.source == "rendered" else f"Read from {dataset.source}"
    lead = f"{made}, split by physical sign: no sign's frames lie on two sides. Seed {dataset.seed}."
    return Section("Data", blocks, lead)


def link(dataset: Dataset) -> Link:
    """Returns the dataset's place in the lineage."""
    return Link("Dataset", dataset.name, dataset.digest, f"{wording.count(len(dataset.rows))} images")


def _figures(dataset: Dataset, classes: dict[int, list[Row]]) -> list[Figure]:
    tracks = {split: len({row.track for row in dataset.rows if row.split == split}) for split in SPLITS}
    counts = [len(rows) for rows in classes.values()]
    spread = " to ".join(wording.count(n) for n in sorted({min(counts), max(counts)})) + " images each"
    total = Figure("Images", wording.count(len(dataset.rows)), proof=f"{wording.count(sum(tracks.values()))} signs")
    splits = [
        Figure(wording.words(split), wording.count(n), proof=f"{wording.count(tracks[split])} signs")
        for split, n in dataset.counts.items()
    ]
    return [total, Figure("Classes", wording.count(len(classes)), proof=spread), *splits]


def _samples(dataset: Dataset, rows: Sequence[Row]) -> Picture:
    first, chosen = rows[0], spread(rows, SAMPLES)
    picture = strip([dataset.read_bytes(row) for row in chosen], _SIDE)
    caption = (f"{first.class_id} {first.label}", f"{wording.count(len(rows))} images")
    return Picture(picture, f"Samples of class {first.class_id}, {first.label}", caption)


def spread(rows: Sequence[Row], n: int) -> list[Row]:
    """Returns at most ``n`` rows, of as many different tracks as there are, evenly spread over their order."""
    tracks: dict[str, list[Row]] = {}
    for row in rows:
        tracks.setdefault(row.track, []).append(row)
    groups = [tracks[track] for track in sorted(tracks)]
    count = min(n, len(groups))
    if count < min(n, len(rows)):
        return [rows[(2 * i + 1) * len(rows) // (2 * min(n, len(rows)))] for i in range(min(n, len(rows)))]
    chosen = [groups[(2 * i + 1) * len(groups) // (2 * count)] for i in range(count)]
    # The frames of a track approach the sign: the later of two halves is the larger picture.
    return [group[len(group) * 3 // 4] for group in chosen]


def _table(classes: dict[int, list[Row]]) -> Table:
    rows: list[list[str | int]] = []
    for class_id in sorted(classes):
        found = Counter(row.split for row in classes[class_id])
        label = classes[class_id][0].label
        rows.append([f"{class_id} {label}", *(found[s] for s in SPLITS), len(classes[class_id])])
    caption = f"Images of every class ({len(rows)}) in each split"
    return Table(("class", *SPLITS, "all"), rows, caption, numeric=frozenset({1, 2, 3, 4}), folded=True)
