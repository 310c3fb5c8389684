"""What a page is built of: each block is a small value that knows how to show itself.

Whoever adds a section to a page (a monitor's violations, saliency maps, Shapley values) composes it from these, or
adds a block here. A block takes texts from anywhere, shortens and escapes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from components.report.markup import Child, Markup, image_uri, join, short, tag

NAME = 90
"""Characters of a name in a table or under a picture."""


class Block(Protocol):
    """Anything that can stand in a section."""

    def render(self) -> Markup:
        """Returns the block's HTML."""


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
class Table:
    """A table whose first column names the row.

    Attributes:
        columns: The heads.
        rows: Cells; a block (a ``Picture``, say) is shown, anything else is text.
        caption: What the table tells, for those who cannot see its surroundings too.
        numeric: Columns that are aligned to the right.
        code: Columns of digests and identifiers, in a fixed-width font.
        folded: Whether it waits behind a line that the reader opens; in print it is open.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Child | Block]]
    caption: str
    numeric: frozenset[int] = frozenset()
    code: frozenset[int] = frozenset()
    folded: bool = False

    def render(self) -> Markup:
        """Returns ``<table>`` in a frame that scrolls sideways where the screen is narrow."""
        heads = (tag("th", short(head), scope="col", class_=self._class(i)) for i, head in enumerate(self.columns))
        caption = short(self.caption, 240)
        table = tag(
            "table",
            tag("caption", caption, class_="unseen" if self.folded else None),
            tag("thead", tag("tr", join(heads))),
            tag("tbody", join(tag("tr", join(self._cell(i, c) for i, c in enumerate(row))) for row in self.rows)),
        )
        framed = scrolling(table, caption)
        return tag("details", tag("summary", caption), framed) if self.folded else framed

    def _cell(self, i: int, cell: Child | Block) -> Markup:
        shown: Child = short(_plain(cell), NAME) if isinstance(cell, str | int | float | None) else cell.render()
        name, scope = ("td", None) if i else ("th", "row")
        return tag(name, shown, scope=scope, class_=self._class(i))

    def _class(self, i: int) -> str | None:
        return "n" if i in self.numeric else "code" if i in self.code else None


@dataclass(frozen=True)
class Picture:
    """An image.

    Attributes:
        data: PNG or JPEG.
        alt: What it shows, for those who do not see it.
        caption: Lines under it; the first stands out.
    """

    data: bytes
    alt: str
    caption: Sequence[str] = ()

    def render(self) -> Markup:
        """Returns ``<figure>``, or a bare ``<img>`` where there is no caption.

        Raises:
            ValueError: The data are neither PNG nor JPEG.
        """
        kind = "image/png" if self.data.startswith(b"\x89PNG") else "image/jpeg"
        if kind == "image/jpeg" and not self.data.startswith(b"\xff\xd8\xff"):
            raise ValueError(f"expected PNG or JPEG, found {self.data[:8]!r}")
        image = tag("img", src=image_uri(self.data, kind), alt=short(self.alt, 240), title=short(self.alt, 240))
        return _figure(image, self.caption) if self.caption else image


@dataclass(frozen=True)
class NoPicture:
    """Stands where an image could not be shown, and says why."""

    reason: str
    caption: Sequence[str] = ()

    def render(self) -> Markup:
        """Returns ``<figure>``."""
        return _figure(tag("p", short(self.reason, 160), class_="none"), self.caption)


@dataclass(frozen=True)
class PictureGrid:
    """Pictures side by side.

    Attributes:
        pictures: In order.
        width: Of a column at least, in pixels.
        square: Whether each gets a square of its own, uncropped, so that rows are even.
    """

    pictures: Sequence[Picture | NoPicture]
    width: int = 120
    square: bool = False

    def render(self) -> Markup:
        """Returns a grid that has as many columns as fit."""
        cells = join(picture.render() for picture in self.pictures)
        return tag("div", cells, class_="grid square" if self.square else "grid", style=f"--width: {int(self.width)}px")


@dataclass(frozen=True)
class Bars:
    """Shares of a whole as horizontal bars.

    Attributes:
        heads: Of the name and of the value: ``("class", "records")``.
        bars: Name, share in [0, 1], and the value in words.
        caption: What they show.
    """

    heads: tuple[str, str]
    bars: Sequence[tuple[str, float, str]]
    caption: str

    def render(self) -> Markup:
        """Returns a table, since that is what it is to whoever cannot see the bars."""
        widest = max((share for _, share, _ in self.bars), default=0.0) or 1.0
        rows = join(
            tag(
                "tr",
                tag("th", short(name, NAME), scope="row"),
                tag("td", short(value), class_="n"),
                tag("td", tag("div", class_="bar", style=f"width: {100 * share / widest:.2f}%"), class_="track"),
            )
            for name, share, value in self.bars
        )
        name, value = (short(head) for head in self.heads)
        heads = join(
            [
                tag("th", name, scope="col"),
                tag("th", value, scope="col", class_="n"),
                tag("td", class_="track", aria_hidden="true"),
            ]
        )
        caption = tag("caption", short(self.caption, 240))
        return tag("table", caption, tag("thead", tag("tr", heads)), tag("tbody", rows), class_="bars")


@dataclass(frozen=True)
class Columns:
    """Blocks side by side where there is room, one below the other where there is not."""

    blocks: Sequence[Block]

    def render(self) -> Markup:
        """Returns a grid."""
        return tag("div", join(tag("div", block.render()) for block in self.blocks), class_="columns")


def _plain(cell: Child) -> str:
    if cell is None:
        return ""
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def scrolling(content: Markup, label: str) -> Markup:
    """Returns a frame for wide content; it can be reached and scrolled with the keyboard."""
    return tag("div", content, class_="scroll", role="region", aria_label=short(label, 240), tabindex="0")


def _figure(content: Markup, caption: Sequence[str]) -> Markup:
    first, *rest = caption
    lines = [tag("strong", short(first, NAME)), *(tag("span", short(line, NAME)) for line in rest)]
    return tag("figure", content, tag("figcaption", join(lines)))
