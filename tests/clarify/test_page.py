"""Drawings and the page with names that are hard to bear, and the page in a browser."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toys import Direct, Part, Toy, quarters

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "report"))

import devtools

from components.clarify import drawing, summary
from components.clarify.config import AnalysisConfig, ImageConfig, ShapConfig
from components.clarify.drawing import Boxed, Ground
from components.clarify.explaining import Explainer
from components.clarify.folder import Folder
from components.clarify.looking import look
from components.clarify.page import page

HARD = [
    "<script>alert(1)</script>",
    "\u202egnp.exe",
    "x" * 10_000,
    "\ud800",
    "a\nb\tc",
    "",
    "日本語",
    "=cmd|'/c calc'!A1",
]
PARTS = [Part(0, (0, 0, 0.5, 0.5), slice(0, 20), slice(0, 20)), Part(1, (0, 0, 1, 0.5), slice(0, 20), slice(0, 40))]


def made(tmp_path: Path, names: list[str], labels: dict[int, str]) -> Path:
    """Writes a results folder and its page."""
    config = AnalysisConfig(ShapConfig(ImageConfig("OBJECT_DETECTION", num_segments=4)), probability_threshold=0.2)
    predictor = Direct(Toy(PARTS))
    explainer = Explainer(predictor, config, "mean")
    folder = Folder(tmp_path, True, 0.2, labels)
    for name in names:
        folder.add(name, folder.name(name), explainer.explain(look(quarters(), predictor, config)))
    told = {
        "config": config.to_json(),
        "model": "toy",
        "detection": True,
        "baseline": "mean",
        "labels": {},
        "skipped": [{"name": name, "reason": name} for name in names],
        "summary": summary.summarise(folder.images, 0, predictor.spent, 1.0),
    }
    folder.finish(told)
    path = tmp_path / "page.html"
    path.write_text(page("Title", {**told, "images": folder.images}, tmp_path).render(), encoding="utf-8")
    return path


def test_names_and_labels_that_are_hard_to_bear_are_text_everywhere(tmp_path):
    html = made(tmp_path, HARD, {0: HARD[0], 1: HARD[3]}).read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "\u202e" not in html
    assert "x" * 5000 not in html


@pytest.mark.parametrize("label", HARD)
def test_any_label_can_be_drawn(label):
    ground = Ground(quarters(), np.zeros((40, 40), np.int32))
    box = np.array([0.9, 0.9, 1.0, 1.0])
    for data in (
        drawing.heat_map(ground, np.array([0.5]), box, label, label),
        drawing.objects(ground, [Boxed(box, label, 3, True), Boxed(box, label, 99, False)]),
    ):
        with Image.open(io.BytesIO(data)) as image:
            image.load()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (3, 2)])
@pytest.mark.parametrize("value", [0.0, -1e-300, 1e300])
def test_slivers_and_extreme_values_can_be_drawn(size, value):
    picture = np.zeros((*size, 3), np.uint8)
    ground = Ground(picture, np.zeros(size, np.int32))
    data = drawing.heat_map(ground, np.array([value]), np.array([0.0, 0, 1, 1]), "x", "y")
    with Image.open(io.BytesIO(data)) as image:
        assert max(image.size) >= 640


@pytest.mark.parametrize(
    ("value", "text"), [(0.314, "+0.31"), (-0.05, "-0.050"), (0.0995, "+0.10"), (0.0, "0"), (2e-5, "+2.0e-05")]
)
def test_values_are_written_with_as_many_digits_as_they_need(value, text):
    assert drawing.signed(value) == text


@pytest.mark.skipif(devtools.program() is None, reason="expected a Chromium, found none installed")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_click_on_a_box_leads_to_its_heat_map_on_a_phone_and_on_a_desk(tmp_path, dark):
    document = made(tmp_path, ["a.png", *HARD], {0: HARD[2], 1: "yield"})
    with devtools.browser(devtools.program(), tmp_path / "profile") as browser:
        for width in (320, 1280):
            browser.open(document, width, dark=dark)
            assert browser.requests() == [document.as_uri()]
            assert browser.complaints() == []
            overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert browser.evaluate(overflow) <= 0
            browser.evaluate("document.querySelectorAll('.spots a')[1].click()")
            target = browser.evaluate("document.querySelector('.heat:target') && document.querySelector(':target').id")
            assert target in ("picture-1-1", "picture-1-2")
