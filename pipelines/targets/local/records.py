"""What is known of a run and its steps while it goes on and afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pipelines.targets.local.cache import Outputs

SUMMARY = "summary.json"
"""The file in a run's folder that tells how it went."""

PENDING = "PENDING"
RUNNING = "RUNNING"
SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
SKIPPED = "SKIPPED"
"""The condition said no."""
OMITTED = "OMITTED"
"""A step before it failed."""
CANCELLED = "CANCELLED"
"""The run was stopped before or while the step ran."""
PLANNED = "PLANNED"
"""It would run, says a dry run."""


@dataclass
class Record:
    """One step: times in seconds since the epoch, ``attempts`` 0 if it was not run (cached, skipped).

    ``said`` is what a step elsewhere says of itself, where no log lies here: what it waits for, why it failed.
    """

    label: str
    image: str = ""
    state: str = PENDING
    started: float | None = None
    seconds: float = 0.0
    attempts: int = 0
    cached: bool = False
    log: Path | None = None
    outputs: Outputs = field(default_factory=Outputs)
    error: str = ""
    said: str = ""


@dataclass
class Result:
    """A run: ``outputs`` are the pipeline's own; ``folder`` is where everything lies; ``key`` see ``earlier``."""

    run: str
    pipeline: str
    folder: Path
    parameters: Mapping[str, Any]
    state: str
    started: float
    finished: float
    records: list[Record]
    key: str = ""
    outputs: Outputs = field(default_factory=Outputs)


class Observer(Protocol):
    """Is told what happens; called from several threads, one call at a time."""

    def began(self, records: list[Record], place: Path | str) -> None:
        """The run begins at this place; these steps are known already."""

    def changed(self, record: Record) -> None:
        """A step's state is another now."""

    def ended(self) -> None:
        """The run is over."""
