"""One step of a trial, and how queries for steps are understood."""

from __future__ import annotations

from components.capture.tensors.files import Key, Mode


class Step(int):
    """The number of a step in its mode, which also knows whose it is.

    Equal to its number; two steps of one number are equal only if mode and writer are the same too.

    Attributes:
        mode: What the model was doing.
        worker: The id of the writer.
        event_id: Of the captured exchange it belongs to; None if it belongs to none.
    """

    mode: Mode
    worker: str
    event_id: str | None

    @classmethod
    def of(cls, key: Key) -> Step:
        """Returns the step that a file's name tells of."""
        step = cls(key.number)
        step.mode, step.worker, step.event_id = key.mode, key.worker, key.event_id
        return step

    @property
    def key(self) -> Key:
        """What names its file."""
        return Key(self.mode, int(self), self.worker, self.event_id)

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, Step) else int(self) == other

    def __ne__(self, other: object) -> bool:
        return not self == other  # int has one of its own

    def __hash__(self) -> int:
        return int.__hash__(self)

    def __repr__(self) -> str:
        event = "" if self.event_id is None else f", event {self.event_id}"
        return f"Step({int(self)}, {self.mode.name}, worker {self.worker}{event})"


def modes_of(mode: Mode | None) -> tuple[Mode, ...]:
    """Returns the modes that a query means: all for None and ``GLOBAL``."""
    return tuple(Mode) if mode in (None, Mode.GLOBAL) else (mode,)


def fits(key: Key, mode: Mode | None, worker: str | None) -> bool:
    """Whether a step is what a query means."""
    return key.mode in modes_of(mode) and worker in (None, key.worker)


def listed(numbers: list[int]) -> str:
    """Tells numbers of steps in a message: all of a few, the ends of many."""
    if len(numbers) <= 6:
        return f"the steps {', '.join(map(str, numbers))}" if numbers else "no steps"
    return f"{len(numbers)} steps: {', '.join(map(str, numbers[:3]))}, … {', '.join(map(str, numbers[-3:]))}"
