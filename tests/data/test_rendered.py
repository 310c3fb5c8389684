"""The rendered dataset: tracks as in GTSRB, and the same bytes for any number of workers."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.data import rendered
from components.data.dataset import Dataset, read
from components.data.progress import Progress
from components.data.signs import render_frame


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def render(folder: Path, **changed: int) -> dict[str, bytes]:
    rendered.render(folder, **{"tracks_per_class": 4, "frames_per_track": 2, "classes": (0, 14), **changed})  # type: ignore[arg-type]
    return files(folder)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("rendered") / "dataset"
    rendered.render(folder, tracks_per_class=10, frames_per_track=2, classes=(0, 14), workers=2)
    return read(folder)


def test_any_number_of_workers_writes_the_same_bytes(tmp_path: Path) -> None:
    alone = render(tmp_path / "1", workers=1)
    assert alone == render(tmp_path / "2", workers=2) == render(tmp_path / "3", workers=3)


def test_another_seed_renders_other_signs(tmp_path: Path) -> None:
    first, second = (render(tmp_path / str(seed), seed=seed, workers=1) for seed in (0, 1))
    assert first.keys() == second.keys()
    assert not [path for path in first if first[path] == second[path]]


def test_images_and_boxes_are_the_renderers(dataset: Dataset) -> None:
    for split in (dataset.split(name) for name in ("train", "validation", "test")):
        for i, row in enumerate(split.rows):
            expected = render_frame(row.class_id, int(row.track[-5:]), row.frame, seed=0, frames=2)
            found = np.asarray(Image.open(io.BytesIO(split.read_bytes(i))))
            np.testing.assert_array_equal(found, expected.image)
            assert (row.height, row.width) == expected.image.shape[:2]
            assert tuple(split.boxes[i]) == tuple(expected.box)


def test_the_tracks_of_a_class_are_split_7_1_2(dataset: Dataset) -> None:
    assert dataset.counts == {"train": 28, "validation": 4, "test": 8}
    for name, tracks in {"train": 7, "validation": 1, "test": 2}.items():
        split = dataset.split(name)
        assert len(set(split.tracks)) == 2 * tracks
        assert sorted(split.class_ids) == [0] * 2 * tracks + [14] * 2 * tracks


def test_progress_is_a_line_a_second_and_one_at_the_end() -> None:
    now, said = 0.0, io.StringIO()
    progress = Progress("rendered", 10, "images", said, lambda: now)
    for _ in range(10):
        now += 0.4
        progress.step()
    assert said.getvalue().splitlines() == [
        "rendered 3 of 10 images, 3 s left",
        "rendered 6 of 10 images, 2 s left",
        "rendered 9 of 10 images, 0 s left",
        "rendered 10 of 10 images, in 4 s",
    ]


def test_at_least_one_core_is_there() -> None:
    assert rendered.cores() >= 1
