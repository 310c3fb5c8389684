"""One self-contained HTML page.

The KFP UI shows an HTML artifact in a sandboxed frame, and people send such a file around by mail: so everything is in
it. Style is inline, pictures are ``data:`` URIs, and a Content-Security-Policy forbids the browser to load anything.
One small script sorts tables; the policy names it by its SHA-256 and forbids all others, and without it the page lacks
nothing else. The same sections give the same bytes.

::

    page = Page("Traffic signs", [Section("Errors", [matrix, matrix.table()])])
    path.write_text(page.render(), encoding="utf-8")
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from components.artifacts import VERSION
from components.report.blocks import Block
from components.report.markup import Markup, join, short, tag

_HERE = Path(__file__).parent


@cache
def policy() -> str:
    """Returns the page's Content-Security-Policy: nothing fetched, nothing sent, no script but the page's own."""
    digest = base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode("ascii")
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; img-src data:; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )


@dataclass(frozen=True)
class Section:
    """A part of a page with a heading of its own.

    Attributes:
        title: The heading.
        blocks: In order.
        lead: A sentence under the heading.
    """

    title: str
    blocks: Sequence[Block]
    lead: str = ""

    def render(self, anchor: str) -> Markup:
        """Returns ``<section>``, to be found by ``#anchor``."""
        return tag(
            "section",
            tag("h2", short(self.title), id=anchor),
            tag("p", self.lead, class_="lead") if self.lead else None,
            join(block.render() for block in self.blocks),
            aria_labelledby=anchor,
        )


@dataclass(frozen=True)
class Page:
    """A report.

    Attributes:
        title: Of the whole.
        sections: In order; the page lists them at its head.
        overview: Blocks before the first section: key numbers, lineage, checks.
        lead: A sentence under the title.
    """

    title: str
    sections: Sequence[Section]
    overview: Sequence[Block] = ()
    lead: str = ""

    def render(self) -> str:
        """Returns the HTML document."""
        title = short(self.title, 120)
        head = tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=Markup(policy())),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("title", f"{title} · Roadworthy report"),
            tag("style", _style()),
        )
        body = tag("body", tag("div", join(self._parts(title)), class_="page"), tag("script", _script()))
        return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"

    def _parts(self, title: str) -> Iterator[Markup]:
        anchors = [f"section-{i}" for i, _ in enumerate(self.sections, 1)]
        yield tag(
            "header",
            tag("p", _mark(), "Roadworthy report", class_="eyebrow"),
            tag("h1", title),
            tag("p", self.lead, class_="lead") if self.lead else None,
        )
        links = [tag("li", tag("a", short(s.title), href=f"#{a}")) for s, a in zip(self.sections, anchors, strict=True)]
        sections = [s.render(a) for s, a in zip(self.sections, anchors, strict=True)]
        overview = join(block.render() for block in self.overview)
        contents = tag("nav", tag("ul", join(links)), aria_label="Contents") if links else None
        yield tag("main", overview, contents, join(sections))
        yield tag("footer", tag("p", f"Made by Roadworthy {VERSION}. One file: nothing is loaded."))


def _mark() -> Markup:
    """The priority road sign, drawn."""
    return tag(
        "svg",
        tag(
            "path",
            d="M12 1 23 12 12 23 1 12Z",
            fill="#fff",
            stroke="#1a2230",
            stroke_width="1",
            stroke_linejoin="round",
        ),
        tag("path", d="M12 6 18 12 12 18 6 12Z", fill="#f5b800", stroke="#1a2230", stroke_width=".8"),
        viewBox="0 0 24 24",
        aria_hidden="true",
    )


@cache
def _style() -> Markup:
    return Markup((_HERE / "style.css").read_text(encoding="utf-8"))


@cache
def _script() -> Markup:
    return Markup((_HERE / "sort.js").read_text(encoding="utf-8"))
