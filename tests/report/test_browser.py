"""The page in a browser: it asks for nothing, complains about nothing, fits a phone, and sorts its tables."""

from __future__ import annotations

import html
from pathlib import Path

import pytest
from devtools import Browser
from page_in_browser import OVERFLOW, at_all_widths, check, needs_browser
from report_artifacts import Run
from story_artifacts import Story

from components.report import compose, inputs

pytestmark = needs_browser


@pytest.fixture(scope="module")
def document(run: Run, story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = inputs.read({**run.paths(), **story.paths()})
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(compose.page("Traffic signs", found).render(), encoding="utf-8")
    return path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@at_all_widths
def test_the_page_loads_nothing_says_nothing_and_fits(browser: Browser, document: Path, width: int, dark: bool) -> None:
    assert check(browser, document, width, dark) > 70


def test_light_and_dark_have_ink_that_can_be_read(browser: Browser, document: Path) -> None:
    found = {}
    for dark in (False, True):
        browser.open(document, 800, dark=dark)
        colours = browser.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
        found[dark] = [_luminance(colour) for colour in colours]
    for ink, paper in found.values():
        assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) > 7  # WCAG 2, contrast, enhanced
    assert found[False][1] > 0.9 > 0.05 > found[True][1]


def test_a_click_sorts_and_another_one_turns_it_round(browser: Browser, document: Path) -> None:
    browser.open(document, 1280)
    table = "[...document.querySelectorAll('table.sortable')].find(t => t.caption.textContent.startsWith('Every att'))"
    column = f"[...{table}.tBodies[0].rows].map(r => Number(r.cells[5].dataset.key))"
    before = browser.evaluate(column)
    for wanted in (sorted(before), sorted(before, reverse=True)):
        browser.evaluate(f"{table}.tHead.rows[0].cells[5].querySelector('button').click()")
        assert browser.evaluate(column) == wanted
    assert browser.evaluate(f"{table}.tHead.rows[0].cells[5].getAttribute('aria-sort')") == "descending"
    assert before != sorted(before)
    # Texts are sorted too, and a row moves as a whole.
    rows = f"[...{table}.tBodies[0].rows].map(r => [r.cells[0].textContent, Number(r.cells[5].dataset.key)])"
    whole = browser.evaluate(rows)
    browser.evaluate(f"{table}.tHead.rows[0].cells[0].querySelector('button').click()")
    assert browser.evaluate(rows) == sorted(whole)
    assert browser.complaints() == []


def test_without_scripts_everything_is_there_but_the_sorting(browser: Browser, document: Path) -> None:
    browser.open(document, 390)
    words = browser.evaluate("document.querySelector('.page').innerText.replaceAll(' ↕', '')")
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(document, 390)
        assert browser.evaluate("document.querySelectorAll('button').length") == 0
        assert browser.evaluate("document.querySelector('.page').innerText") == words
        assert browser.evaluate(OVERFLOW) <= 0
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("sandbox", ["allow-scripts", ""], ids=["scripts", "no scripts"])
def test_it_shows_in_a_sandboxed_frame_as_the_ui_has_it(
    browser: Browser, document: Path, tmp_path: Path, sandbox: str
) -> None:
    content = html.escape(document.read_text(encoding="utf-8"))
    frame = f'<!doctype html><body><iframe sandbox="{sandbox}" width="900" height="600" srcdoc="{content}"></iframe>'
    (tmp_path / "frame.html").write_text(frame, encoding="utf-8")
    browser.open(tmp_path / "frame.html", 1000)
    assert browser.requests()[0] == (tmp_path / "frame.html").as_uri()
    assert {url for url in browser.requests()[1:] if url != "about:srcdoc"} == set()
    refused = [text for text in browser.complaints() if "Blocked script execution" not in text]
    assert refused == []


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it, of ``rgb(r, g, b)``."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
