"""A detector's page in a browser: it asks for nothing, complains about nothing, fits a phone, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from detection_artifacts import Detection
from devtools import Browser
from page_in_browser import OPEN, OVERFLOW, at_all_widths, check, needs_browser

from components.report import compose, inputs

pytestmark = needs_browser
VIEWS = "[...document.querySelectorAll('article')].map(a => [...a.querySelectorAll('img')].map(i => i.width))"
LETTERS = """[...document.querySelectorAll('.recall text')].map(
    t => parseFloat(getComputedStyle(t).fontSize) * t.ownerSVGElement.getBoundingClientRect().width / 280)"""


@pytest.fixture(scope="module")
def document(detection: Detection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(compose.page("Detection", inputs.read(detection.paths())).render(), encoding="utf-8")
    return path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@at_all_widths
def test_the_page_loads_nothing_says_nothing_and_fits(browser: Browser, document: Path, width: int, dark: bool) -> None:
    assert check(browser, document, width, dark) == 13 + 12


@at_all_widths
def test_heat_maps_and_letters_are_large_enough_to_be_read(browser: Browser, document: Path, width: int) -> None:
    browser.open(document, width)
    browser.evaluate(OPEN)
    views = browser.evaluate(VIEWS)
    assert sorted(map(len, views)) == [2, 2, 2, 3, 4]  # a picture and the maps of its boxes stand together
    assert all(min(330, 0.85 * width) <= one <= 700 for of in views for one in of)
    letters = browser.evaluate(LETTERS)
    assert letters
    assert all(9.5 <= one <= 17 for one in letters)


def test_without_scripts_everything_is_there(browser: Browser, document: Path) -> None:
    browser.open(document, 390)
    words = browser.evaluate("document.querySelector('.page').innerText.replaceAll(' ↕', '')")
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(document, 390)
        assert browser.evaluate("document.querySelector('.page').innerText") == words
        assert browser.evaluate(OVERFLOW) <= 0
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
