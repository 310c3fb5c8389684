"""A page with samples of every class: the look at the data that every training should begin with.

Self-contained, as the iframe of the KFP UI wants it: pictures are data, the style is inside, nothing is fetched.
"""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape

from components.data.dataset import Dataset
from components.data.index import SPLITS, Row
from components.images import decode

SAMPLES = 8

# The longer side of a sample, in pixels.
_SIDE = 72

_STYLE = """
:root { color-scheme: light dark; --line: #8883; --quiet: #777; }
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; }
p.about { color: var(--quiet); margin: .25rem 0 1.5rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .4rem .6rem; text-align: left; vertical-align: middle; }
th { font-weight: 600; }
thead th { color: var(--quiet); font-size: .85rem; }
.n { font-variant-numeric: tabular-nums; text-align: right; white-space: nowrap; }
.samples { display: flex; flex-wrap: wrap; gap: 4px; }
.samples img { border-radius: 3px; height: 56px; object-fit: cover; width: 56px; }
tfoot td, tfoot th { border-bottom: 0; font-weight: 600; }
"""


def page(dataset: Dataset) -> str:
    """Returns the HTML page: per class its number, name, samples and number of images in each split.

    Raises:
        DatasetError: A sample's file is missing or changed.
        ImageError: A sample is no image.
    """
    present = sorted({row.class_id for row in dataset.rows})
    tracks = len({row.track for row in dataset.rows})
    heads = "".join(f'<th scope="col" class="n">{split}</th>' for split in SPLITS)
    totals = "".join(f'<td class="n">{n:,}</td>' for n in dataset.counts.values())
    rows = "\n".join(_class_row(dataset, class_id) for class_id in present)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{escape(dataset.name)}: samples</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{escape(dataset.name)}</h1>
<p class="about">{len(dataset.rows):,} images of {tracks:,} tracks in {len(present)} classes.
Source: {escape(dataset.source)}, seed {dataset.seed}. Digest: {escape(dataset.digest)}</p>
<table>
<thead><tr><th scope="col" class="n">class</th><th scope="col">name</th><th scope="col">samples</th>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
<tfoot><tr><td></td><th scope="row">all</th><td></td>{totals}</tr></tfoot>
</table>
</body>
</html>
"""


def _class_row(dataset: Dataset, class_id: int) -> str:
    rows = [row for row in dataset.rows if row.class_id == class_id]
    found = Counter(row.split for row in rows)
    counts = "".join(f'<td class="n">{found[split]:,}</td>' for split in SPLITS)
    label = escape(dataset.labels[class_id])
    samples = "".join(_sample(dataset, row) for row in spread(rows, SAMPLES))
    return (
        f'<tr><td class="n">{class_id}</td><th scope="row">{label}</th>'
        f'<td><div class="samples">{samples}</div></td>{counts}</tr>'
    )


def spread(rows: Sequence[Row], n: int) -> Iterator[Row]:
    """Yields at most ``n`` rows, evenly spread over their order and so over the tracks."""
    count = min(n, len(rows))
    for i in range(count):
        yield rows[(2 * i + 1) * len(rows) // (2 * count)]


def _sample(dataset: Dataset, row: Row) -> str:
    alt = escape(f"{row.label}, track {row.track}, frame {row.frame}, {row.split}")
    jpeg = base64.b64encode(_thumbnail(dataset.read_bytes(row))).decode("ascii")
    return f'<img alt="{alt}" title="{alt}" src="data:image/jpeg;base64,{jpeg}">'


def _thumbnail(data: bytes) -> bytes:
    from PIL import Image

    image = Image.fromarray(decode(data))
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
