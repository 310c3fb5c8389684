"""What a window of captured traffic becomes: ``index.parquet`` and the first images.

One row a prediction (an exchange whose answer held several, or none that can be read, has as many rows, or one):

==================  =========  ======================================================================
``event_id``        text       of the exchange
``inference_id``    text       the client's, or null
``time``            timestamp  UTC, microseconds
``request_type``    text       content type, or null
``request_bytes``   int64      null where the input was not captured
``response_type``   text       content type, or null
``response_bytes``  int64      null where the output was not captured
``position``        int32      of the prediction in the answer, from 0
``class``           int64      predicted class, or null
``label``           text       its label, or null
``score``           float64    its score, or null
``image``           text       file in ``images/`` with the request as it was captured, or null
``model``           text       digest of the package that answered, or null
``duplicate``       bool       whether the event id came before: the same exchange twice, or a client's id reused
==================  =========  ======================================================================
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.capture.predictions import Prediction, predictions
from components.capture.record import Exchange
from components.errors import ImageError
from components.images import decode as decode_image

_ROWS = 10_000  # a row group: what is held in memory
_SUFFIXES = {b"\xff\xd8\xff": ".jpeg", b"\x89PNG\r\n\x1a\n": ".png"}


@dataclass
class Summary:
    """What was written.

    Attributes:
        predictions: Rows with a predicted class or label.
        unread: Exchanges without any such row.
        duplicates: Exchanges whose event id came before.
        images: Files in ``images/``.
        undecodable: Requests that begin like a JPEG or PNG and do not decode.
    """

    predictions: int = 0
    unread: int = 0
    duplicates: int = 0
    images: int = 0
    undecodable: int = 0


def write(folder: Path, exchanges: Iterable[Exchange], images: int) -> Summary:
    """Writes the dataset into an empty folder, in constant memory but for 16 bytes an event.

    Args:
        folder: Where ``index.parquet`` and ``images/`` go.
        exchanges: As ``reader.read`` yields them.
        images: The most request images that are kept.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    summary = Summary()
    (folder / "images").mkdir()
    schema = _schema()
    with pq.ParquetWriter(folder / "index.parquet", schema) as writer:
        batch: list[dict[str, Any]] = []
        for row in _rows(folder / "images", exchanges, images, summary):
            batch.append(row)
            if len(batch) == _ROWS:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                batch.clear()
        writer.write_table(pa.Table.from_pylist(batch, schema))
    return summary


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("event_id", pa.string(), nullable=False),
            ("inference_id", pa.string()),
            pa.field("time", pa.timestamp("us", tz="UTC"), nullable=False),
            ("request_type", pa.string()),
            ("request_bytes", pa.int64()),
            ("response_type", pa.string()),
            ("response_bytes", pa.int64()),
            pa.field("position", pa.int32(), nullable=False),
            ("class", pa.int64()),
            ("label", pa.string()),
            ("score", pa.float64()),
            ("image", pa.string()),
            ("model", pa.string()),
            pa.field("duplicate", pa.bool_(), nullable=False),
        ]
    )


def _rows(folder: Path, exchanges: Iterable[Exchange], images: int, summary: Summary) -> Iterator[dict[str, Any]]:
    seen: set[bytes] = set()
    for exchange in exchanges:
        digest = hashlib.blake2b(exchange.event_id.encode(), digest_size=16).digest()
        duplicate = digest in seen
        seen.add(digest)
        summary.duplicates += duplicate
        image = None
        if not duplicate and summary.images < images:
            image = _keep_image(folder, exchange, digest.hex(), summary)
        found = predictions(exchange.response, exchange.response_type)
        summary.predictions += len(found)
        summary.unread += not found
        for position, prediction in enumerate(found or [Prediction(None, None, None)]):
            yield {
                "event_id": exchange.event_id,
                "inference_id": exchange.inference_id,
                "time": round(exchange.time * 1e6),
                "request_type": exchange.request_type,
                "request_bytes": None if exchange.request is None else len(exchange.request),
                "response_type": exchange.response_type,
                "response_bytes": None if exchange.response is None else len(exchange.response),
                "position": position,
                "class": prediction.class_index,
                "label": prediction.label,
                "score": prediction.score,
                "image": image,
                "model": exchange.model,
                "duplicate": duplicate,
            }


def _keep_image(folder: Path, exchange: Exchange, name: str, summary: Summary) -> str | None:
    """Writes the request as it was captured if it decodes; its name is a hash, because event ids may be anything."""
    body = exchange.request or b""
    suffix = next((suffix for magic, suffix in _SUFFIXES.items() if body.startswith(magic)), None)
    if suffix is None:
        return None
    try:
        decode_image(body)
    except ImageError:
        summary.undecodable += 1
        return None
    (folder / (name + suffix)).write_bytes(body)
    summary.images += 1
    return name + suffix
