"""The folder of an attack: a dataset of attacked images, with the originals and what was done to each beside it.

::

    images/00014/00003_00007.png              the attacked image, at the model's input size
    index.parquet, dataset.json               of these, as in every dataset
    originals/                                a dataset of its own: the same paths, before the attack
    attacks.parquet                           one row an image, and one for each that was skipped
    robustness.json                           accuracy under attack against the radius
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.data import dataset, tables
from components.data.dataset import Dataset
from components.data.index import refuse

ATTACKS = "attacks.parquet"
ORIGINALS = "originals"
ROBUSTNESS = "robustness.json"


@dataclass(frozen=True)
class Attacked:
    """What was done to one image; the fields are the columns, in their order.

    Attributes:
        path: Of the attacked image in this folder, and of its original in ``originals/``; empty if it was skipped.
        source_path: In the dataset that was attacked.
        source_class: Its class there.
        target: The class that was wanted; -1 for any other than its own.
        predicted_before: The model's class for the original.
        score_before: Of that class, in [0, 1].
        predicted_after: The model's class for the attacked image, read back from its PNG.
        score_after: Of that class.
        l2: Euclidean length of the change, in pixels of [0, 1].
        linf: The largest change of a channel, in pixels of [0, 1].
        steps: Gradients that were taken.
        success: The goal was met.
        skipped: Nothing was done, since the goal was met before.
    """

    path: str
    source_path: str
    source_class: int
    target: int
    predicted_before: int
    score_before: float
    predicted_after: int
    score_after: float
    l2: float
    linf: float
    steps: int
    success: bool
    skipped: bool


def write(rows: Sequence[Attacked], folder: Path) -> None:
    """Writes ``attacks.parquet``, in the order of the source paths; the same rows give the same bytes."""
    tables.write(sorted(rows, key=lambda row: row.source_path), Attacked, folder / ATTACKS)


def read(folder: Path) -> list[Attacked]:
    """Reads what ``write`` wrote.

    Raises:
        DatasetError: There is none, it is no Parquet, or has other columns or more rows than a dataset may have.
    """
    return tables.read(folder / ATTACKS, Attacked)


def verify(folder: Path) -> tuple[Dataset, Dataset, list[Attacked]]:
    """Reads the folder of an attack and checks every file of it.

    Returns:
        The attacked images, their originals, and what was done.

    Raises:
        DatasetError: Says all that differs: what ``dataset.verify`` refuses in either, or rows without their images.
    """
    attacked = dataset.verify(folder, beside=(ATTACKS, ORIGINALS, ROBUSTNESS))
    originals = dataset.verify(folder / ORIGINALS)
    rows = read(folder)
    images, before = {row.path for row in attacked.rows}, {row.path for row in originals.rows}
    told = {row.path for row in rows if not row.skipped}
    found = [f"{path}: expected an original, found none" for path in sorted(images - before)]
    found += [f"{path}: expected an attacked image, found an original alone" for path in sorted(before - images)]
    found += [f"{path}: expected an image and a row of {ATTACKS}, found one of them" for path in sorted(images ^ told)]
    refuse(found, str(folder))
    return attacked, originals, rows
