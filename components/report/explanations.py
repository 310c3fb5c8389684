"""The folder of explanations that ``fullgrad`` writes, read for a page.

===================  ===================================================================================
``index.parquet``    one row an explained record: who it is, what was answered, residuals, shares, files
``images/``          what the model saw, ``originals/`` the same before an attack
``overlays/``        saliency over either
``summary.json``     counts, tolerance, shares with their intervals, digests of model and data
===================  ===================================================================================
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from components import parquet
from components.errors import InputError
from components.report.changes import Change, change
from components.report.inside import read_inside
from components.report.verdicts import read_json

INDEX = "index.parquet"
SUMMARY = "summary.json"

_MOST = 100_000  # rows
_BYTES = 10 * 1024 * 1024  # of an image


class Explained(NamedTuple):
    """One explained record; what is not known is None.

    Attributes:
        event_id: Of the record.
        inference_id: The client's.
        violations: The rules that flagged it, separated by commas.
        class_index: That was predicted and explained.
        label: Of it.
        score: Of it, in [0, 1], as the server answered.
        recomputed_score: Of the class that the explained model predicts.
        same: Whether the explained model predicts what the server answered.
        logit: That the terms sum up to.
        residual: How far the terms are from it, relative.
        outside_share: Of the saliency outside the sign, in [0, 1].
        alert: Whether that is too much.
        original_class: Predicted for the original.
        original_label: Of it.
        original_score: Of it.
        original_logit: Of it.
        original_residual: Of its explanation.
        original_outside_share: Of its saliency.
        original_alert: Whether that is too much.
        files: Names by what they show, relative to the folder.
    """

    event_id: str
    inference_id: str | None
    violations: str
    class_index: int
    label: str
    score: float
    recomputed_score: float
    same: bool
    logit: float
    residual: float
    outside_share: float
    alert: bool
    original_class: int | None
    original_label: str | None
    original_score: float | None
    original_logit: float | None
    original_residual: float | None
    original_outside_share: float | None
    original_alert: bool | None
    files: Mapping[str, str | None]


_COLUMNS = tuple("class" if name == "class_index" else name for name in Explained._fields[:-1])
_NEEDED = tuple(n for n in _COLUMNS if n != "inference_id" and not n.startswith("original_"))
_FILES = ("image", "overlay", "original_image", "original_overlay")


@dataclass(frozen=True)
class Explanations:
    """What was explained.

    Attributes:
        folder: Where it lies.
        rows: In the index's order.
        summary: What ``summary.json`` says.
        digest: Of ``index.parquet``.
    """

    folder: Path
    rows: tuple[Explained, ...]
    summary: Mapping[str, Any]
    digest: str

    @cached_property
    def pairs(self) -> list[Explained]:
        """The rows whose original is known and was explained too."""
        return [row for row in self.rows if row.original_outside_share is not None]

    @cached_property
    def outside(self) -> Change | None:
        """The share of saliency outside the sign, of the originals and of what became of them."""
        before = [row.original_outside_share or 0.0 for row in self.pairs]
        return change(before, [row.outside_share for row in self.pairs])

    @property
    def largest_residual(self) -> float:
        """Of all explanations."""
        residuals = [r for row in self.rows for r in (row.residual, row.original_residual) if r is not None]
        return max(residuals, default=0.0)

    @property
    def tolerance(self) -> float | None:
        """The largest residual that is allowed."""
        found = self.summary.get("tolerance")
        return float(found) if isinstance(found, int | float) else None

    def digest_of(self, what: str) -> str:
        """Returns the digest of the ``model`` or ``data`` that was explained, as the summary says; empty without."""
        found = self.summary.get(what)
        return found if isinstance(found, str) else ""

    def image(self, row: Explained, what: str) -> bytes | None:
        """Returns one of a row's images; None without.

        Args:
            row: Whose.
            what: ``image``, ``overlay``, ``original_image`` or ``original_overlay``.

        Raises:
            InputError: The index names something else than a plain file inside the folder.
        """
        name = row.files.get(what)
        if name is None:
            return None
        return read_inside(self.folder, name, _BYTES)


def read(folder: Path) -> Explanations:
    """Reads index and summary.

    Raises:
        InputError: One of them is missing, or something else.
    """
    path = folder / INDEX
    with parquet.reading(INDEX), parquet.open_file(path) as file:
        _check(parquet.schema(file), file.metadata.num_rows)
        found = [row for piece in parquet.pieces(file, (*_COLUMNS, *_FILES)) for row in piece.to_pylist()]
    rows = tuple(_row(row) for row in found)
    summary = read_json(folder / SUMMARY)
    if not isinstance(summary, dict):
        raise InputError(f"{SUMMARY}: expected a JSON object, found {type(summary).__name__}")
    return Explanations(folder, rows, summary, "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest())


def _row(found: Mapping[str, Any]) -> Explained:
    missing = [name for name in _NEEDED if found[name] is None]
    if missing or not all(math.isfinite(v) for v in found.values() if isinstance(v, float)):
        raise InputError(f"{INDEX}: expected finite numbers and a value in each of {', '.join(_NEEDED)}, found others")
    files = {name: found[name] for name in _FILES}
    return Explained(*[found[name] for name in _COLUMNS], files)  # type: ignore[call-arg]


def _check(schema: Any, rows: int) -> None:
    import pyarrow as pa

    kinds = {
        **dict.fromkeys(
            ("event_id", "inference_id", "violations", "label", "original_label", *_FILES), pa.types.is_string
        ),
        **dict.fromkeys(("class", "original_class"), pa.types.is_integer),
        **dict.fromkeys(("same", "alert", "original_alert"), pa.types.is_boolean),
    }
    found = dict(zip(schema.names, schema.types, strict=True))
    wrong = [n for n in (*_COLUMNS, *_FILES) if n not in found or not kinds.get(n, pa.types.is_floating)(found[n])]
    if wrong or rows > _MOST:
        told = ", ".join(f"{name} {kind}" for name, kind in found.items())
        raise InputError(f"{INDEX}: expected the columns {', '.join(wrong)}, at most {_MOST} rows, found {told[:500]}")
