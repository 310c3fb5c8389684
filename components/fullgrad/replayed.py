"""What is known of a replayed image: where its sign is, and what it was before an attack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.data.attacked import ORIGINALS
from components.data.dataset import Dataset, read
from components.data.index import Row
from components.images import Pixels, decode


@dataclass(frozen=True)
class Replayed:
    """A dataset folder that was replayed.

    Attributes:
        dataset: Of the images that were sent.
        rows: Its rows by path, which is the records' inference id.
        originals: The images before an attack, under the same paths; None for a dataset that nobody attacked.
        before: The rows of these by path.
    """

    dataset: Dataset
    rows: dict[str, Row]
    originals: Dataset | None
    before: dict[str, Row]

    def row(self, inference_id: str | None) -> Row | None:
        """Returns what the dataset knows of an image; None if it has none of that name."""
        return self.rows.get(inference_id or "")

    def original(self, inference_id: str | None) -> Pixels | None:
        """Returns an image before the attack, ``(H, W, 3)``; None if there is none.

        Raises:
            DatasetError: Its file is not the one that the index names.
            ImageError: It is no image.
        """
        row = self.before.get(inference_id or "")
        return decode(self.originals.read_bytes(row)) if self.originals is not None and row is not None else None


def open_folder(folder: Path) -> Replayed:
    """Opens a dataset folder, with its originals if it is that of an attack.

    Raises:
        DatasetError: It is none.
    """
    dataset = read(folder)
    originals = read(folder / ORIGINALS) if (folder / ORIGINALS).is_dir() else None
    before = {row.path: row for row in originals.rows} if originals else {}
    return Replayed(dataset, {row.path: row for row in dataset.rows}, originals, before)
