"""A run elsewhere, as its follower sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from components.errors import PipelineError
from pipelines.targets.local.records import CANCELLED, FAILED, SUCCEEDED

ENDED = (SUCCEEDED, FAILED, CANCELLED)


class UnreachableError(PipelineError):
    """The other side does not answer now; it may in a moment."""


@dataclass(frozen=True)
class Step:
    """One step of a run: ``state`` is one of those of ``records``, times are in seconds since the epoch.

    ``key`` tells it from all others, ``label`` is what it is called, ``said`` what the cluster says of it.
    """

    key: str
    label: str
    state: str
    started: float | None = None
    finished: float | None = None
    attempts: int = 1
    said: str = ""


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment: ``state`` is empty as long as nobody has taken it up; ``said`` is of the run as a whole."""

    state: str
    steps: Sequence[Step] = ()
    said: str = ""


class Run(Protocol):
    """A run that was sent."""

    @property
    def name(self) -> str:
        """What the cluster calls it."""

    def look(self) -> Snapshot:
        """Returns how it stands.

        Raises:
            UnreachableError: Nobody answers.
            PipelineError: It is gone, or may not be looked at.
        """

    def why(self, step: Step) -> str:
        """Returns what to do about a step that waits or failed; empty where there is nothing to add."""

    def tail(self, step: Step) -> str:
        """Returns the last lines of a step's log; empty where it has none any more."""

    def close(self) -> None:
        """Ends the connections; the run goes on."""

    def onward(self) -> Sequence[str]:
        """Returns commands for whoever stops following: how to follow again, how to stop the run."""
