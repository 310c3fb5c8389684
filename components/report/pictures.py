"""Pictures: one, several side by side, and rows of the same views of several things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.report.markup import NAME, Markup, image_uri, join, short, tag


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
class Strip:
    """The same views of one thing in a row: an original, what became of it, the difference.

    Attributes:
        title: What they show.
        notes: More on it, in a line.
        pictures: The views; of five, a phone shows three and two.
        code: An identifier, in a fixed-width font.
        width: Of a view at least, in pixels, and as many side by side as fit; 0 sets them all into one row.
    """

    title: str
    notes: str
    pictures: Sequence[Picture | NoPicture]
    code: str = ""
    width: int = 0

    def render(self) -> Markup:
        """Returns ``<article>``."""
        head = tag(
            "header",
            tag("h4", short(self.title, 160)),
            tag("p", short(self.notes, 240), class_="proof") if self.notes else None,
            tag("code", short(self.code, NAME)) if self.code else None,
        )
        cells = join(picture.render() for picture in self.pictures)
        views = tag("div", cells, class_=f"views of-{len(self.pictures)}")
        grid = PictureGrid(self.pictures, self.width).render() if self.width else views
        return tag("article", head, grid, class_="strip")


def _figure(content: Markup, caption: Sequence[str]) -> Markup:
    first, *rest = caption
    lines = [tag("strong", short(first, NAME)), *(tag("span", short(line, NAME)) for line in rest)]
    return tag("figure", content, tag("figcaption", join(lines)))
