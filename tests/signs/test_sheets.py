"""The sheets, and the program that draws them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.data.signs import contact_sheet, photo_sheet
from components.errors import InputError

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "components.data.signs", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("columns", "rows"), [(9, 5), (11, 4), (43, 1), (1, 43)])
def test_the_sheet_has_as_many_rows_as_43_signs_need(columns: int, rows: int) -> None:
    sheet = contact_sheet(columns=columns, side=36)
    assert sheet.size == (3 + columns * 39, 3 + rows * 39)


@pytest.mark.parametrize("draw", [contact_sheet, photo_sheet])
def test_every_cell_shows_another_sign_and_those_after_the_43rd_nothing(draw: Callable[..., Image.Image]) -> None:
    sheet = np.asarray(draw(columns=9, side=36), dtype=float)
    cells = [sheet[3 + i // 9 * 39 :, 3 + i % 9 * 39 :][:36, :36] for i in range(45)]
    assert all(cell.std() > 10 for cell in cells[:43])
    assert all(cell.std(axis=(0, 1)).max() == 0 for cell in cells[43:])
    assert len({cell.tobytes() for cell in cells}) == 44


def test_labels_add_a_line_under_each_sign() -> None:
    plain, labelled = contact_sheet(side=64), contact_sheet(side=64, labels=True)
    assert labelled.width == plain.width
    assert labelled.height == plain.height + 5 * 18


@pytest.mark.parametrize("wrong", [{"columns": 0}, {"columns": 44}, {"side": 8}, {"side": 5000}])
def test_sheets_of_no_sensible_size_are_refused(wrong: dict[str, int]) -> None:
    for draw in (contact_sheet, photo_sheet):
        with pytest.raises(InputError, match=r"expected an integer from \d+ to \d+, found \d+"):
            draw(**wrong)


def test_the_program_writes_both_sheets(tmp_path: Path) -> None:
    done = run("--sheet", str(tmp_path / "signs.png"), "--photos", str(tmp_path / "new" / "frames.png"), "--side", "48")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with Image.open(tmp_path / "signs.png") as signs, Image.open(tmp_path / "new" / "frames.png") as frames:
        assert signs.size == frames.size
        assert signs.tobytes() == contact_sheet(side=48).tobytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "signs.png"]


def test_the_program_says_in_one_line_what_was_wrong(tmp_path: Path) -> None:
    done = run("--sheet", str(tmp_path / "signs.png"), "--columns", "0")
    assert (done.returncode, done.stderr) == (1, "signs: columns: expected an integer from 1 to 43, found 0\n")
    assert not list(tmp_path.iterdir())
    assert run().returncode == 2


def test_the_readmes_picture_is_what_the_renderer_draws_today() -> None:
    with Image.open(ROOT / "components/data/signs/contact_sheet.png") as picture:
        assert "components/data/signs/contact_sheet.png" in (ROOT / "README.md").read_text()
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(contact_sheet(side=104, columns=11)))
