"""What every page must be in a browser: quiet, whole, and no wider than the window."""

from __future__ import annotations

from pathlib import Path

import devtools
import pytest
from devtools import Browser

WIDE = """[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1
    && !e.closest('.scroll, .unseen, .cards thead')).map(e => e.outerHTML.slice(0, 120))"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
OPEN = "document.querySelectorAll('details').forEach(d => d.open = true)"

needs_browser = pytest.mark.skipif(
    devtools.program() is None, reason=f"expected one of {', '.join(devtools.PROGRAMS)}, found none installed"
)
at_all_widths = pytest.mark.parametrize("width", [320, 390, 820, 1280])


def check(browser: Browser, document: Path, width: int, dark: bool) -> int:
    """Opens a page with everything unfolded, checks it, and returns how many pictures it shows."""
    browser.open(document, width, dark=dark)
    browser.evaluate(OPEN)
    assert browser.requests() == [document.as_uri()]
    assert browser.complaints() == []
    assert browser.evaluate(OVERFLOW) <= 0
    assert browser.evaluate(WIDE) == []
    assert browser.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)") is True
    return browser.evaluate("document.images.length")
