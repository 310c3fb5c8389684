"""A picture whose boxes lead to their heat maps: links over the picture, no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.report.markup import NAME, Block, Markup, image_uri, join, short, tag


@dataclass(frozen=True)
class Spot:
    """A box to click: ``(4,)`` x1, y1, x2, y2 as shares of the sides, its name, and the anchor of its heat map."""

    box: Sequence[float]
    name: str
    anchor: str


@dataclass(frozen=True)
class Heat:
    """A heat map that can be led to.

    Attributes:
        data: JPEG.
        anchor: Of it.
        alt: What it shows, for those who do not see it.
        caption: Lines under it; the first stands out.
    """

    data: bytes
    anchor: str
    alt: str
    caption: Sequence[str]


@dataclass(frozen=True)
class Explained:
    """One explained picture: its boxes to click, the heat maps beside it, and what else belongs to it.

    Attributes:
        anchor: Of the whole.
        title: What the picture is called.
        notes: A line on it.
        data: JPEG with the boxes drawn; None of a classifier's picture.
        spots: Where to click.
        heats: The heat maps.
        below: Blocks under them.
    """

    anchor: str
    title: str
    notes: str
    data: bytes | None
    spots: Sequence[Spot]
    heats: Sequence[Heat]
    below: Sequence[Block] = ()

    def render(self) -> Markup:
        """Returns ``<article>``."""
        head = tag("header", tag("h4", short(self.title, 160)), tag("p", short(self.notes, 240), class_="proof"))
        maps = [self._boxes(self.data)] if self.data is not None else []
        maps += [self._heat(heat) for heat in self.heats]
        views = tag("div", join(maps), class_="grid", style="--width: 320px")
        below = join(block.render() for block in self.below)
        return tag("article", head, views, below, class_="strip", id=self.anchor)

    def _boxes(self, data: bytes) -> Markup:
        alt = short(f"{self.title} with {len(self.spots)} explained boxes", 240)
        picture = tag("img", src=image_uri(data, "image/jpeg"), alt=alt)
        # Large boxes first, so that small ones inside them can be reached.
        links = join(_link(spot) for spot in sorted(self.spots, key=_area, reverse=True))
        words = "Click a box for its heat map" if self.spots else "No box was explained"
        caption = tag("figcaption", tag("strong", "What the model found"), tag("span", words))
        return tag("figure", tag("div", picture, links, class_="spots"), caption)

    def _heat(self, heat: Heat) -> Markup:
        picture = tag("img", src=image_uri(heat.data, "image/jpeg"), alt=short(heat.alt, 240))
        back = tag("a", picture, href=f"#{self.anchor}", aria_label="Back to the picture")
        first, *rest = heat.caption
        lines = [tag("strong", short(first, NAME)), *(tag("span", short(line, NAME)) for line in rest)]
        return tag("figure", back, tag("figcaption", join(lines)), id=heat.anchor, class_="heat")


def _link(spot: Spot) -> Markup:
    x1, y1, x2, y2 = (100 * min(1.0, max(0.0, side)) for side in spot.box)
    place = f"left:{x1:.2f}%;top:{y1:.2f}%;width:{x2 - x1:.2f}%;height:{y2 - y1:.2f}%"
    name = short(f"Heat map of {spot.name}")
    return tag("a", href=f"#{spot.anchor}", style=place, title=name, aria_label=name)


def _area(spot: Spot) -> float:
    x1, y1, x2, y2 = spot.box
    return (x2 - x1) * (y2 - y1)
