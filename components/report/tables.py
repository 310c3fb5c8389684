"""Tables: their columns sort by themselves where scripts run, and are cards where the screen is narrow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from components.report.markup import NAME, Block, Child, Markup, join, short, tag


@dataclass(frozen=True)
class Cell:
    """What a cell shows, and what it is sorted by; cells without a key come last."""

    shown: str | Block
    key: float | None = None


@dataclass(frozen=True)
class Badge:
    """A verdict: a word, and ``kind`` (``good``, ``bad`` or ``unsure``) for its colour."""

    word: str
    kind: str

    def render(self) -> Markup:
        """Returns ``<b>``."""
        return tag("b", short(self.word, 40), class_=f"badge {self.kind}")


@dataclass(frozen=True)
class Lines:
    """A value and, smaller and under it, what belongs to it."""

    first: str
    second: str = ""

    def render(self) -> Markup:
        """Returns both."""
        below = tag("span", short(self.second), class_="below") if self.second else None
        return tag("span", tag("span", short(self.first)), below, class_="lines")


@dataclass(frozen=True)
class Share:
    """A share in [0, 1] as a bar with its value beside it; ``kind`` is ``before`` or ``during``."""

    share: float
    text: str
    kind: str = "before"

    def render(self) -> Markup:
        """Returns a bar."""
        width = 100 * min(1.0, max(0.0, self.share if math.isfinite(self.share) else 0.0))
        bar = tag("span", class_=f"bar {self.kind}", style=f"width: {width:.2f}%") if width else None
        return tag("span", tag("span", bar, class_="track"), tag("span", short(self.text, 40)), class_="share")


Shown = Child | Block | Cell


@dataclass(frozen=True)
class Table:
    """A table whose first column names the row.

    Attributes:
        columns: The heads.
        rows: Cells; a block (a ``Picture``, say) is shown, anything else is text, and ``Cell`` says what sorts it.
        caption: What the table tells, for those who cannot see its surroundings too.
        numeric: Columns that are aligned to the right.
        code: Columns of digests and identifiers, in a fixed-width font.
        folded: Whether it waits behind a line that the reader opens; in print it is open.
        phone: How it fits on a phone: ``cards``, a card for each row with the heads beside the values; ``cards sides``,
            where six cells behind the second stand as two columns; ``pairs``, the row's name above its two values; or
            it scrolls sideways.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Shown]]
    caption: str
    numeric: frozenset[int] = frozenset()
    code: frozenset[int] = frozenset()
    folded: bool = False
    phone: str = ""

    def render(self) -> Markup:
        """Returns ``<table>`` in a frame that scrolls sideways where the screen is narrow."""
        heads = (tag("th", short(head), scope="col", class_=self._class(i)) for i, head in enumerate(self.columns))
        caption = short(self.caption, 240)
        table = tag(
            "table",
            tag("caption", caption, class_="unseen" if self.folded else None),
            tag("thead", tag("tr", join(heads))),
            tag("tbody", join(tag("tr", join(self._cell(i, c) for i, c in enumerate(row))) for row in self.rows)),
            class_=f"sortable {self.phone}".rstrip(),
        )
        framed = scrolling(table, caption)
        return tag("details", tag("summary", caption), framed) if self.folded else framed

    def _cell(self, i: int, given: Shown) -> Markup:
        cell = given.shown if isinstance(given, Cell) else given
        key = given.key if isinstance(given, Cell) else given if isinstance(given, int | float) else None
        shown: Child = short(_plain(cell), NAME) if isinstance(cell, str | int | float | None) else cell.render()
        name, scope = ("td", None) if i else ("th", "row")
        head = short(self.columns[i]) if self.phone.startswith("cards") and 0 < i < len(self.columns) else None
        sort = f"{key:.12g}" if key is not None and math.isfinite(key) else "" if isinstance(given, Cell) else None
        return tag(name, shown, scope=scope, class_=self._class(i), data_head=head, data_key=sort)

    def _class(self, i: int) -> str | None:
        return "n" if i in self.numeric else "code" if i in self.code else None


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


def scrolling(content: Markup, label: str) -> Markup:
    """Returns a frame for wide content; it can be reached and scrolled with the keyboard."""
    return tag("div", content, class_="scroll", role="region", aria_label=short(label, 240), tabindex="0")


def _plain(cell: Child) -> str:
    if cell is None:
        return ""
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
