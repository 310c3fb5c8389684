"""What an analysis will take before it is begun: predictions, requests, and the time after one timed round of them."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.clarify.config import AnalysisConfig
from components.clarify.explaining import Explainer
from components.clarify.looking import Looked
from components.clarify.sources import Source
from components.report import wording
from components.report.blocks import Figure, Figures, Table
from components.report.page import Page, Section

PLAN = "plan.json"

_ROUND = 4  # batches that are timed


@dataclass(frozen=True)
class Plan:
    """What is to come.

    Attributes:
        rows: Of each picture: its name, detections that will be explained, segments, predictions.
        pictures_a_request: That one request holds.
        seconds_each: Of one prediction, in batches as they will be sent; 0 if there is nothing to predict.
    """

    rows: list[tuple[str, int, int, int]]
    pictures_a_request: int
    seconds_each: float

    @property
    def predictions(self) -> int:
        """All of them, one a picture to find its objects included."""
        return sum(row[3] + 1 for row in self.rows)

    @property
    def requests(self) -> int:
        """That they make."""
        return sum(math.ceil(row[3] / self.pictures_a_request) + 1 for row in self.rows)

    @property
    def seconds(self) -> float:
        """That they take, estimated."""
        return self.predictions * self.seconds_each

    def metrics(self) -> dict[str, float | int]:
        """Returns flat numbers."""
        return {
            "images": len(self.rows),
            "explained": sum(bool(row[1]) for row in self.rows),
            "boxes": sum(row[1] for row in self.rows),
            "predictions": self.predictions,
            "requests": self.requests,
            "pictures_a_request": self.pictures_a_request,
            "estimated_seconds": round(self.seconds, 1),
        }

    def sentence(self) -> str:
        """Returns the plan in a line."""
        found = self.metrics()
        return (
            f"dry run: {found['boxes']} boxes or classes in {found['explained']} of {found['images']} pictures take "
            f"{self.predictions} predictions in about {self.requests} requests of {self.pictures_a_request} pictures, "
            f"about {self.seconds:.0f} s at {1 / self.seconds_each if self.seconds_each else 0:.0f}/s"
        )


def plan(looks: Iterable[tuple[Source, Looked]], explainer: Explainer, count: int) -> Plan:
    """Looks at the pictures and times one round of masked ones; nothing is explained.

    Args:
        looks: Pictures that were looked at.
        explainer: That will explain them.
        count: Pictures to explain; 0 for all.

    Raises:
        EndpointError: There is no answer.
    """
    rows: list[tuple[str, int, int, int]] = []
    room, seconds = 1, 0.0
    for source, looked in looks:
        rows.append((source.name, len(looked.wanted), looked.segments.count, explainer.planned(looked)))
        if len(looked.wanted) and not seconds:
            room, seconds = timed(looked, explainer)
        if count and sum(bool(row[1]) for row in rows) == count:
            break
    return Plan(rows, room, seconds)


def timed(looked: Looked, explainer: Explainer) -> tuple[int, float]:
    """Returns how many pictures a request holds, and the seconds of one prediction among several such requests."""
    masker = explainer.masker(looked, looked.games(explainer.config.shap.image_config.context)[0][1])
    predictor = explainer.predictor
    drawn = np.random.default_rng(0)
    for warm in (True, False):  # the first round opens connections and lets requests grow to their size
        room = predictor.room(masker.bytes_each)
        coalitions = drawn.random(((1 if warm else _ROUND) * room, len(masker.players))) < 0.5
        started = time.perf_counter()
        for _ in predictor.answers(masker.chunks(coalitions, predictor.room)):
            pass
        seconds = (time.perf_counter() - started) / len(coalitions)
    return predictor.room(masker.bytes_each), seconds


def write(folder: Path, found: Plan, config: AnalysisConfig) -> None:
    """Writes ``plan.json``."""
    names = ("name", "boxes", "segments", "predictions")
    rows: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in found.rows]
    told = {"format": 1, "config": config.to_json(), **found.metrics(), "pictures": rows}
    text = json.dumps(told, indent=1, ensure_ascii=False)
    (folder / PLAN).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def page(title: str, found: Plan) -> Page:
    """Returns the plan as a page."""
    figures = Figures(
        [
            Figure("Predictions", wording.count(found.predictions), proof=f"in about {found.requests:,} requests"),
            Figure("Estimated time", wording.seconds(found.seconds), proof="after one timed round of them"),
        ]
    )
    heads = ("picture", "explained", "segments", "predictions")
    table = Table(heads, found.rows, "What each picture takes", numeric=frozenset({1, 2, 3}))
    return Page(title, [Section("A dry run: nothing was explained", [table])], [figures])
