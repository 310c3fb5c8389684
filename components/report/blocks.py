"""What a page is built of: each block is a small value that knows how to show itself.

Whoever adds a section to a page (a monitor's violations, saliency maps, Shapley values) composes it from these, or
adds a block here. A block takes texts from anywhere, shortens and escapes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.report.markup import NAME, Block, Markup, join, short, tag
from components.report.pictures import NoPicture, Picture, PictureGrid, Strip
from components.report.tables import Badge, Bars, Cell, Share, Table, scrolling

__all__ = [
    "NAME",
    "Badge",
    "Bars",
    "Block",
    "Cell",
    "Columns",
    "Figure",
    "Figures",
    "Folded",
    "Heading",
    "NoPicture",
    "Panel",
    "Picture",
    "PictureGrid",
    "Share",
    "Step",
    "Story",
    "Strip",
    "Table",
    "Text",
    "scrolling",
]


@dataclass(frozen=True)
class Text:
    """A paragraph; a ``quiet`` one is smaller and paler, for what explains the block above it."""

    text: str
    quiet: bool = False

    def render(self) -> Markup:
        """Returns ``<p>``."""
        return tag("p", self.text, class_="quiet" if self.quiet else None)


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str

    def render(self) -> Markup:
        """Returns ``<h3>``."""
        return tag("h3", short(self.text))


@dataclass(frozen=True)
class Figure:
    """One key number.

    Attributes:
        name: What it is: ``Test accuracy``.
        value: As it is to be read: ``97.8 %``.
        interval: Where it lies with 95 %, if that is known.
        proof: What it rests on: ``2,523 of 2,580 images``.
    """

    name: str
    value: str
    interval: str = ""
    proof: str = ""

    def render(self) -> Markup:
        """Returns a term and its descriptions."""
        return tag(
            "div",
            tag("dt", short(self.name)),
            tag("dd", short(self.value, 40), class_="value"),
            tag("dd", short(self.interval), class_="interval") if self.interval else None,
            tag("dd", short(self.proof, 160), class_="proof") if self.proof else None,
        )


@dataclass(frozen=True)
class Figures:
    """Key numbers side by side."""

    figures: Sequence[Figure]

    def render(self) -> Markup:
        """Returns ``<dl>``."""
        return tag("dl", join(figure.render() for figure in self.figures), class_="figures")


@dataclass(frozen=True)
class Columns:
    """Blocks side by side where there is room, one below the other where there is not.

    Attributes:
        blocks: In order.
        width: Of a column at least, in pixels, for blocks that are small; 0 for tables and large charts.
    """

    blocks: Sequence[Block]
    width: int = 0

    def render(self) -> Markup:
        """Returns a grid."""
        small = f"--width: {int(self.width)}px" if self.width else None
        cells = join(tag("div", block.render()) for block in self.blocks)
        return tag("div", cells, class_="grid" if small else "columns", style=small)


@dataclass(frozen=True)
class Panel:
    """A framed part with a title and, if there is one, a verdict beside it."""

    title: str
    blocks: Sequence[Block]
    badge: Badge | None = None

    def render(self) -> Markup:
        """Returns ``<div>``."""
        badge = self.badge.render() if self.badge else None
        head = tag("div", tag("h3", short(self.title)), badge, class_="panel-head")
        return tag("div", head, join(block.render() for block in self.blocks), class_="panel")


@dataclass(frozen=True)
class Folded:
    """Blocks behind a line that the reader opens; in print they are open."""

    title: str
    blocks: Sequence[Block]

    def render(self) -> Markup:
        """Returns ``<details>``."""
        return tag("details", tag("summary", short(self.title)), join(block.render() for block in self.blocks))


@dataclass(frozen=True)
class Step:
    """One thing that happened: a name of a word or two, a sentence, and what it rests on."""

    name: str
    text: str
    proof: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Story:
    """What happened, in order."""

    steps: Sequence[Step]

    def render(self) -> Markup:
        """Returns an ordered list."""
        return tag("ol", join(self._item(step) for step in self.steps), class_="story")

    def _item(self, step: Step) -> Markup:
        return tag(
            "li",
            tag("span", short(step.name), class_="eyebrow"),
            tag("p", step.text),
            tag("p", step.proof, class_="proof") if step.proof else None,
            class_=step.kind or None,
        )
