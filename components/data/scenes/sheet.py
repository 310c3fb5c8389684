"""A page with sample scenes, their boxes drawn: the look at the data that every training should begin with."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.data.index import SPLITS
from components.data.scenes.index import ImageRow, ObjectRow
from components.data.scenes.reading import Scenes, SceneSplit
from components.images import decode
from components.report.blocks import Block, Figure, Figures, Heading, Table, Text
from components.report.markup import NAME, Markup, image_uri, join, short, tag
from components.report.page import Page, Section

SAMPLES = {"train": 12, "validation": 4, "test": 8}
"""Pictures of each split that are shown."""

# The longer side of a picture that goes into the page as it is, and of the thumbnail of a larger one, in pixels.
_SIDE = 320

# Each stands out from daylight and night, and from most signs.
_COLOURS = ("#00e5ff", "#ff3df2", "#ffe600", "#39ff14", "#ff8a00", "#a78bfa", "#ff5470", "#00ffa8")

_SQUARE = (
    "border: 1px solid #0008; border-radius: 2px; display: inline-block; height: .7em; margin-right: .35em; width: .7em"
)


@dataclass(frozen=True)
class BoxedPicture:
    """A picture with its boxes; a difficult object's is dashed, a crowd's dotted.

    Attributes:
        data: PNG or JPEG.
        image: Its row.
        objects: What it shows.
    """

    data: bytes
    image: ImageRow
    objects: Sequence[ObjectRow]

    def render(self) -> Markup:
        """Returns ``<figure>`` with an inline SVG."""
        kind = "image/png" if self.data.startswith(b"\x89PNG") else "image/jpeg"
        width, height = self.image.width, self.image.height
        words = ", ".join(f"{one.label} {_shown(one)}" for one in self.objects) or "nothing"
        picture = tag("image", href=image_uri(self.data, kind), width=width, height=height)
        drawing = tag(
            "svg",
            picture,
            join(_rectangle(one) for one in self.objects),
            viewBox=f"0 0 {width} {height}",
            role="img",
            aria_label=short(f"{self.image.path}: {words}", 300),
            style="border-radius: 7px; display: block; width: 100%",
        )
        labels = join(_chip(i, label) for i, label in sorted({(o.class_id, o.label) for o in self.objects}))
        caption = tag("figcaption", labels or tag("span", "no object"), tag("span", self.image.path.rpartition("/")[2]))
        return tag("figure", drawing, caption)


@dataclass(frozen=True)
class BoxedPictures:
    """Pictures with their boxes, side by side."""

    pictures: Sequence[BoxedPicture]

    def render(self) -> Markup:
        """Returns a grid that has as many columns as fit."""
        cells = join(picture.render() for picture in self.pictures)
        return tag("div", cells, class_="grid", style="--width: 165px")


def page(scenes: Scenes) -> str:
    """Returns the HTML page: samples of each split, and how many objects of which size each class has.

    Raises:
        DatasetError: A sample's file is missing or changed.
        ImageError: A sample is no picture.
    """
    rows = [row for of in scenes.rows.values() for row in of]
    empty = sum(image.path not in scenes.rows for image in scenes.images)
    figures = Figures(
        [
            Figure("Pictures", f"{len(scenes.images):,}", proof=_counted(scenes.counts)),
            Figure("Objects", f"{len(rows):,}", proof=f"{empty:,} pictures without any"),
            Figure("Classes", f"{len(scenes.labels):,}"),
        ]
    )
    sections = [
        Section("Samples", [*_samples(scenes)], "Evenly spread over each split. Dashed: difficult; dotted: a crowd."),
        Section("Classes", [_classes(scenes, rows)]),
    ]
    if scenes.notes:
        sections.append(Section("Notes", [Text(note) for note in scenes.notes]))
    digest = Text(f"Digest: {scenes.digest}", quiet=True)
    lead = f"Source: {scenes.source}, seed {scenes.seed}."
    return Page(f"Scenes for a detector: {scenes.name}", sections, [figures, digest], lead).render()


def _samples(scenes: Scenes) -> list[Block]:
    blocks: list[Block] = []
    for name, most in SAMPLES.items():
        split = scenes.split(name)
        count = min(most, len(split))
        if count:
            chosen = [(2 * i + 1) * len(split) // (2 * count) for i in range(count)]
            blocks += [Heading(f"{name} ({len(split):,})"), BoxedPictures([_boxed(split, i) for i in chosen])]
    return blocks


def _boxed(split: SceneSplit, i: int) -> BoxedPicture:
    image = split.images[i]
    return BoxedPicture(_thumbnail(split.read_bytes(i)), image, split.rows.get(image.path, ()))


def _thumbnail(data: bytes) -> bytes:
    from PIL import Image

    pixels = decode(data)
    if max(pixels.shape) <= _SIDE:
        return data
    image = Image.fromarray(pixels)
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _classes(scenes: Scenes, rows: Sequence[ObjectRow]) -> Table:
    sizes = {image.path: max(image.width, image.height) for image in scenes.images}
    found = Counter((row.class_id, row.path.split("/")[1]) for row in rows)
    lines: list[tuple[str | int, ...]] = []
    for class_id, label in enumerate(scenes.labels):
        own = [row for row in rows if row.class_id == class_id]
        shares = [max(row.x2 - row.x1, row.y2 - row.y1) / sizes[row.path] for row in own]
        marked = (sum(row.difficult for row in own), sum(row.crowd for row in own))
        lines.append((label, *(found[class_id, split] for split in SPLITS), _spread(shares), *marked))
    return Table(
        ("class", *SPLITS, "longer side", "difficult", "crowds"),
        lines,
        "Objects of each class. Longer side: of the box, as a share of the picture's; median, and 5 to 95 % of them.",
        numeric=frozenset(range(1, 7)),
    )


def _spread(shares: Sequence[float]) -> str:
    if not shares:
        return "–"
    low, middle, high = np.percentile(shares, (5, 50, 95)) * 100
    return f"{middle:.0f} % ({low:.0f} to {high:.0f})"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {split}" for split, count in counts.items())


def _rectangle(one: ObjectRow) -> Markup:
    """The box over a dark line of its own, so that it is seen on any ground."""
    place = {"x": one.x1, "y": one.y1, "width": one.x2 - one.x1, "height": one.y2 - one.y1}
    look = {"fill": "none", "vector_effect": "non-scaling-stroke"}
    dashes = "6 4" if one.difficult else "2 3" if one.crowd else None
    title = tag("title", short(f"{one.label} {_shown(one)}"))
    under = tag("rect", **place, **look, stroke="#000a", stroke_width=4)
    over = tag("rect", title, **place, **look, stroke=_colour(one.class_id), stroke_width=2, stroke_dasharray=dashes)
    return join((under, over))


def _shown(one: ObjectRow) -> str:
    return f"({one.x1:g}, {one.y1:g}) to ({one.x2:g}, {one.y2:g})"


def _chip(class_id: int, label: str) -> Markup:
    square = tag("span", style=f"background: {_colour(class_id)}; {_SQUARE}")
    return tag("strong", square, short(label, NAME))


def _colour(class_id: int) -> str:
    return _COLOURS[class_id % len(_COLOURS)]
