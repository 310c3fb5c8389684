"""The stage ``data.scenes`` as a program: paths in, dataset, page and ``executor_output.json`` out."""

from __future__ import annotations

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from components.data.scenes import sheet
from components.data.scenes.compose import compose
from components.data.scenes.dataset import ScenesWriter, Thing, read, verify
from components.data.scenes.stock import SignStock
from tests.scenes import own_copy as copy
from tests.scenes.cut_out_copy import folder as cut_out_folder

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
SMALL = ("--train=9", "--validation=2", "--test=3", "--seed=5")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kinds = {"dataset": "system.Dataset", "sheet": "system.HTML"}
    artifacts = {
        name: {"artifacts": [{"name": name, "uri": str(folder / name), "type": {"schemaTitle": kind}, "metadata": {}}]}
        for name, kind in kinds.items()
    }
    given = json.dumps({"outputs": {"artifacts": artifacts, "outputFile": str(folder / "executor_output.json")}})
    outputs = [f"--{name}={folder / name}" for name in kinds]
    command = [sys.executable, "-m", "components.data.scenes", *arguments, *outputs, f"--executor-input={given}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


class Page(HTMLParser):
    """Collects what a browser would make of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.rectangles: list[dict[str, Any]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag == "rect":
            self.rectangles.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text += data + " "


@pytest.fixture(scope="module")
def signs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("signs")
    return folder, run(folder, *SMALL, "--side=96", "--classes=Stop,40")


def test_the_program_composes_what_the_function_does(
    signs: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    folder, done = signs
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    made = verify(folder / "dataset")
    assert made.labels == ("Stop", "Roundabout mandatory")
    assert made.counts == {"train": 9, "validation": 2, "test": 3}
    assert {(image.width, image.height) for image in made.images} == {(96, 96)}
    stock = SignStock((14, 40), 5, round(0.6 * 96))
    compose(stock, tmp_path / "d", name="signs", source="signs", seed=5, counts=made.counts, side=96, workers=1)
    assert read(tmp_path / "d").digest == made.digest


def test_the_artifact_is_listed_with_what_the_ui_shows(signs: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = signs
    listed = json.loads((folder / "executor_output.json").read_text())["artifacts"]
    made = read(folder / "dataset")
    told = listed["dataset"]["artifacts"][0]["metadata"]
    assert told["digest"] == made.digest
    assert (told["source"], told["images"], told["classes"], told["train"]) == ("signs", 14, 2, 9)
    assert told["objects"] == sum(len(rows) for rows in made.rows.values())


def test_the_page_draws_each_box_where_it_is(signs: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = signs
    page = Page((folder / "sheet").read_text())
    made = read(folder / "dataset")
    assert page.tags.count("image") == 9 + 2 + 3
    assert all(source.startswith(("data:image/jpeg;base64,", "#section-")) for source in page.sources)
    drawn = {tuple(float(r[side]) for side in ("x", "y", "width", "height")) for r in page.rectangles}
    rows = [row for of in made.rows.values() for row in of]
    assert drawn == {(r.x1, r.y1, r.x2 - r.x1, r.y2 - r.y1) for r in rows}
    assert len(page.rectangles) == 2 * len(rows)
    assert made.digest in page.text


def test_the_page_is_safe_whatever_the_labels_say(tmp_path: Path) -> None:
    options = {"name": HOSTILE, "source": HOSTILE, "labels": (HOSTILE, "b"), "seed": 0, "notes": (HOSTILE,)}
    with ScenesWriter(tmp_path / "d", **options) as writer:
        things = [Thing(0, (0, 0, 9, 9), difficult=True), Thing(1, (1, 1, 2, 2), crowd=True)]
        writer.add(copy.picture("a"), split="train", number=0, size=copy.SIZE, objects=things, extension="jpg")
        large = copy.picture("b", "PNG", size=(700, 300))
        writer.add(large, split="test", number=0, size=(700, 300))
    text = sheet.page(read(tmp_path / "d"))
    page = Page(text)
    assert page.tags.count("script") == 1  # the page's own, which sorts tables
    assert "img" not in page.tags
    assert page.text.count(HOSTILE) >= 4
    assert [r["stroke-dasharray"] for r in page.rectangles if "stroke-dasharray" in r] == ["6 4", "2 3"]
    assert "no object" in page.text
    assert len(text) < 200_000  # a large picture goes in as a thumbnail


def test_cut_outs_voc_and_coco_are_taken_from_a_place(tmp_path: Path) -> None:
    cuts = cut_out_folder(tmp_path / "animals", {"dog": 3, "bear": 1})
    voc = copy.voc(tmp_path / "voc", {"train": ["a1", "a2"], "val": ["b1"], "test": ["b2"]})
    coco = copy.coco(tmp_path / "coco", {"train": ["a1", "a2"], "val": ["b1"], "test": ["b2"]})
    sources = {f"cut-outs:{cuts}": SMALL, f"voc:{voc.as_uri()}": (), f"coco:{coco}": ("--classes=owl,dog",)}
    made = []
    for i, (source, arguments) in enumerate(sources.items()):
        done = run(tmp_path / f"{i}", f"--source={source}", *arguments)
        assert done.returncode == 0, done.stderr
        made.append(verify(tmp_path / f"{i}" / "dataset"))
    assert [scenes.name for scenes in made] == ["animals", "voc", "coco"]
    assert [scenes.source for scenes in made] == [
        f"cut-outs:{cuts.as_uri()}",
        f"voc:{voc.as_uri()}",
        f"coco:{coco.as_uri()}",
    ]
    assert [scenes.labels for scenes in made] == [("bear", "dog"), ("cat", "dog", "owl"), ("owl", "dog")]
    assert made[0].notes == ("bear: one individual, which train, validation and test all show",)
    assert [sum(scenes.counts.values()) for scenes in made] == [14, 4, 3]


@pytest.mark.parametrize(
    ("argument", "status", "message"),
    [
        ("--source=signs:here", 2, "expected signs, cut-outs:PLACE, voc:PLACE or coco:PLACE, found 'signs:here'"),
        ("--source=voc:", 2, "found 'voc:'"),
        ("--source=https://x/y.zip", 2, "found 'https://x/y.zip'"),
        ("--source=coco:https://x/y", 1, "expected file:///path, s3://bucket/key or a path"),
        ("--source=cut-outs:/nowhere/at/all", 1, "expected a folder with files, found none"),
        ("--classes=Stop,Stop", 2, "expected each class once"),
        ("--classes=Stop,unicorn,99", 1, "expected names or numbers of GTSRB's classes, found unicorn, 99"),
        ("--side=20", 2, "expected a whole number from 64 to 1024"),
    ],
    ids=range(8),
)
def test_what_makes_no_sense_ends_in_one_line_and_leaves_nothing(
    tmp_path: Path, argument: str, status: int, message: str
) -> None:
    done = run(tmp_path, argument)
    assert done.returncode == status
    assert message in done.stderr.splitlines()[-1]
    assert not [*tmp_path.iterdir()]
