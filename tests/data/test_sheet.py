"""The page of samples: complete, self-contained, and safe whatever the labels say."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from components.data import sheet
from components.data.dataset import Dataset, DatasetWriter, read
from components.errors import ImageError
from components.images import encode_png
from tests.data import gtsrb_copy as copy

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """Collects what a browser would make of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def a_dataset(folder: Path, label: str = "Stop", image: bytes | None = None) -> Dataset:
    with DatasetWriter(folder, name=f"signs {label}", source=label, labels=("Yield", label), seed=0) as writer:
        for track in range(20):
            pixels = copy.pixels(1, track)
            height, width = pixels.shape[:2]
            split = "test" if track % 4 == 0 else "train"
            png = encode_png(pixels) if image is None else image
            box = (0, 0, width, height)
            writer.add(png, class_id=1, track=track, frame=0, split=split, size=(width, height), box=box)
    return read(folder)


def test_the_page_shows_samples_and_counts_of_every_class(tmp_path: Path) -> None:
    page = Page(sheet.page(a_dataset(tmp_path / "d")))
    assert len(page.sources) == sheet.SAMPLES == len(set(page.sources))
    for source in page.sources:
        kind, _, data = source.partition(",")
        assert kind == "data:image/jpeg;base64"
        assert max(Image.open(io.BytesIO(base64.b64decode(data))).size) <= 72
    words = page.text.split()
    assert "Stop" in words
    assert "Yield" not in words  # no images of it
    assert words[-4:] == ["all", "15", "0", "5"]


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(tmp_path: Path) -> None:
    text = sheet.page(a_dataset(tmp_path / "d"))
    assert "http://" not in text
    assert "https://" not in text
    assert "default-src 'none'" in text
    assert not {"script", "link", "iframe", "object"} & set(Page(text).tags)


def test_labels_names_and_sources_are_text_and_nothing_else(tmp_path: Path) -> None:
    text = sheet.page(a_dataset(tmp_path / "d", HOSTILE))
    page = Page(text)
    assert "script" not in page.tags
    assert page.tags.count("img") == sheet.SAMPLES
    assert page.text.count(HOSTILE) >= 3


def test_the_same_dataset_gives_the_same_page(tmp_path: Path) -> None:
    assert sheet.page(a_dataset(tmp_path / "a")) == sheet.page(a_dataset(tmp_path / "b"))


def test_a_sample_that_is_no_image_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        sheet.page(a_dataset(tmp_path / "d", image=b"no image"))
