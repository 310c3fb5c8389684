"""The folder of an attack: what is written comes back, and what does not fit together is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.data import attacked, dataset
from components.data.attacked import Attacked
from components.data.dataset import DatasetWriter
from components.errors import DatasetError
from components.images import encode_png

LABELS = ("one", "two")


def row(path: str, source: str, **changes: object) -> Attacked:
    given = {"path": path, "source_path": source, "source_class": 0, "target": 1, "predicted_before": 0}
    after = {"score_before": 0.9, "predicted_after": 1, "score_after": 0.4, "l2": 1.5, "linf": 0.1, "steps": 7}
    return Attacked(**{**given, **after, "success": True, "skipped": False, **changes})  # type: ignore[arg-type]


def images(folder: Path, count: int, value: int) -> list[str]:
    with DatasetWriter(folder, name="made", source="test", labels=LABELS, seed=0) as writer:
        for frame in range(count):
            png = encode_png(np.full((4, 4, 3), value + frame, np.uint8))
            writer.add(png, class_id=0, track=1, frame=frame, split="test", size=(4, 4), box=(0, 0, 4, 4))
    return [f"images/00000/00001_{frame:05d}.png" for frame in range(count)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    paths = images(tmp_path / "attack", 3, 10)
    images(tmp_path / "attack" / attacked.ORIGINALS, 3, 100)
    skipped = row("", "images/00001/00001_00000.jpg", source_class=1, success=False, skipped=True)
    attacked.write([skipped, *(row(path, path) for path in reversed(paths))], tmp_path / "attack")
    (tmp_path / "attack" / attacked.ROBUSTNESS).write_text("{}")
    return tmp_path / "attack"


def test_rows_come_back_in_the_order_of_their_sources(folder: Path) -> None:
    made, originals, rows = attacked.verify(folder)
    assert [r.source_path for r in rows] == sorted(r.source_path for r in rows)
    assert [r.path for r in rows if not r.skipped] == [r.path for r in made.rows] == [r.path for r in originals.rows]
    assert rows[0] == row(made.rows[0].path, made.rows[0].path)
    assert dataset.read(folder).digest == made.digest


def test_the_same_rows_in_another_order_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    rows = attacked.read(folder)
    attacked.write(rows[::-1], tmp_path)
    assert (tmp_path / attacked.ATTACKS).read_bytes() == (folder / attacked.ATTACKS).read_bytes()


def test_a_plain_dataset_still_refuses_what_is_beside_it(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"attacks\.parquet: expected nothing, found a file"):
        dataset.verify(folder)


def test_files_that_no_format_knows_are_told(folder: Path) -> None:
    (folder / "more.txt").write_text("?")
    with pytest.raises(DatasetError, match=r"more\.txt: expected nothing"):
        attacked.verify(folder)


def test_a_changed_original_is_told(folder: Path) -> None:
    (folder / "originals/images/00000/00001_00002.png").write_bytes(b"other")
    with pytest.raises(DatasetError, match=r"00001_00002\.png: expected the bytes"):
        attacked.verify(folder)


def test_rows_without_images_are_told(folder: Path) -> None:
    attacked.write([*attacked.read(folder), row("images/00000/00009_00000.png", "elsewhere")], folder)
    with pytest.raises(DatasetError, match=r"00009_00000\.png: expected an image and a row"):
        attacked.verify(folder)


@pytest.mark.parametrize("content", [b"", b"PAR1 but no more", None])
def test_what_is_no_table_of_attacks_is_refused(folder: Path, content: bytes | None) -> None:
    if content is None:
        pq.write_table(pa.table({"path": ["a"]}), folder / attacked.ATTACKS)
    else:
        (folder / attacked.ATTACKS).write_bytes(content)
    with pytest.raises(DatasetError, match="expected"):
        attacked.read(folder)
