"""Reading the tensors that hooks wrote, in smdebug's words: a trial has tensors, which have values at steps.

::

    trial = create_trial("s3://traffic/tensors")
    for step in trial.steps(mode=modes.PREDICT):
        bias = trial.tensor("ResNet_bn1.bias").value(step, modes.PREDICT)          # float32 (64,)
        gradient = trial.tensor("gradient/ResNet_bn1_output_0").value(step)        # float32 (batch, 64, H, W)

Steps are looked for whenever they are asked for, so the newest is seen at once; what is remembered are headers of files
that never change. Of a file, its header and the tensors asked for are read, nothing else.

Where several writers wrote steps of one number, all are there. A ``Step`` that ``steps`` returned knows its writer; a
plain number that has several meanings is an error that names them, unless ``worker`` tells them apart.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from numpy.typing import NDArray

from components.capture.tensors import files, names
from components.capture.tensors.files import Key, Mode
from components.capture.tensors.index import Found, Index
from components.capture.tensors.reading import Layout
from components.capture.tensors.steps import Step, fits, listed, modes_of
from components.errors import InputError, RecordError
from components.storage import Place, place

__all__ = ["Mode", "Step", "Tensor", "Trial", "create_trial", "modes"]

modes = Mode
"""As in ``from smdebug import modes``."""

_LAYOUTS = 512  # headers that are remembered
_LOOKED_AT = 64  # steps that are searched to say in an error where a tensor is


def create_trial(uri: str | Place) -> Trial:
    """Opens a place that hooks write to; it may be empty as yet.

    Args:
        uri: ``file://``, ``s3://``, a path, or a place.

    Raises:
        StorageError: A place of a kind that there is not.
    """
    return Trial(place(uri) if isinstance(uri, str) else uri)


class Trial:
    """The tensors in a place; made by ``create_trial``."""

    def __init__(self, where: Place) -> None:
        self.place = where
        self._index = Index(where)
        self._seen: dict[Key, Found] = {}
        self._layouts: OrderedDict[str, Layout] = OrderedDict()

    def steps(self, mode: Mode | None = None) -> list[Step]:
        """Returns the steps there are, of all writers, by mode, number and writer; ``len`` of it is their number.

        Args:
            mode: Only this one's; None and ``GLOBAL`` for all.

        Raises:
            StorageError: The place cannot be read.
        """
        self._seen = {found.key: found for found in self._index.all()}
        return [Step.of(key) for key in self._seen if key.mode in modes_of(mode)]

    def modes(self) -> list[Mode]:
        """Returns the modes that there are steps of."""
        found = {step.mode for step in self.steps()}
        return [mode for mode in Mode if mode in found]

    def workers(self) -> list[str]:
        """Returns the ids of the writers."""
        return sorted({step.worker for step in self.steps()})

    def step_of(self, event_id: str) -> Step:
        """Returns the step that belongs to a captured exchange.

        Raises:
            InputError: None does.
        """
        for key in self._seen:  # written once, so what was seen need not be looked for
            if key.event_id == event_id:
                return Step.of(key)
        for step in (steps := self.steps()):
            if step.event_id == event_id:
                return step
        with_event = sum(step.event_id is not None for step in steps)
        raise InputError(
            f"{self.place}: expected a step of the event {event_id[:80]!r}, found none among "
            f"{len(steps)} steps, {with_event} of which belong to an event"
        )

    def metadata(self, step_num: int, mode: Mode | None = None, worker: str | None = None) -> dict[str, str]:
        """Returns what a step says about itself: ``mode, step, worker, time``, and ``model, event_id, parameters``.

        Raises:
            InputError: There is no such step, or there are several.
            RecordError: Its file is damaged.
        """
        return dict(self._layout(self._found(step_num, mode, worker)).metadata)

    def tensor_names(self, regex: str | None = None, step: int | None = None, mode: Mode | None = None) -> list[str]:
        """Returns the names of the tensors that can be asked for, sorted.

        Args:
            regex: Only those in which it is found.
            step: Only those of this step; None for those of any, for which the header of every step is read.
            mode: Only those of this mode's steps.

        Raises:
            InputError: The regex is none, or there is no such step, or there are several.
            RecordError: A file is damaged.
        """
        wanted = names.pattern(regex or "")
        found = self._names(self.steps(mode) if step is None else [self._step(step, mode, None)])
        return sorted(name for name in found if wanted.search(name))

    def tensor(self, name: str) -> Tensor:
        """Returns a tensor that some step has.

        Raises:
            InputError: None has; the nearest names are told.
            RecordError: A file is damaged.
        """
        if not self.has_tensor(name):
            steps = self.steps()
            told = names.near_misses(name, sorted(self._names(steps)))
            raise InputError(f"{self.place}: expected a tensor {name[:80]!r} in {len(steps)} steps, found none; {told}")
        return Tensor(self, name)

    def has_tensor(self, name: str) -> bool:
        """Whether any step has a tensor of that name."""
        if any(name in layout.tensors for layout in reversed(self._layouts.values())):
            return True  # what was seen need not be looked for
        return any(name in self._names([step]) for step in reversed(self.steps()))

    def _value(self, name: str, step: Step) -> NDArray[Any]:
        for layout in self._parts(step):
            if name in layout.tensors:
                return layout.value(name)
        told = names.near_misses(name, sorted(self._names([step])))
        others = [other for other in islice(self._seen, _LOOKED_AT) if name in self._names([Step.of(other)])]
        raise InputError(
            f"expected {name[:80]!r} in {step!r}, found no such tensor; {told}; it is in "
            f"{listed(sorted({key.number for key in others})) if others else f'none of the first {_LOOKED_AT} steps'}"
        )

    def _names(self, steps: Iterable[Step]) -> set[str]:
        return {name for step in steps for layout in self._parts(step) for name in layout.tensors}

    def _parts(self, step: Step) -> Iterator[Layout]:
        """Yields the layout of a step's own file, and that of the parameters it names."""
        own = self._layout(self._seen[step.key])
        yield own
        if digest := own.metadata.get("parameters"):
            yield self._parameters(digest, step)

    def _step(self, step_num: int, mode: Mode | None, worker: str | None) -> Step:
        return Step.of(self._found(step_num, mode, worker).key)

    def _found(self, step_num: int, mode: Mode | None, worker: str | None) -> Found:
        if isinstance(step_num, bool) or not isinstance(step_num, int) or not 0 <= step_num <= files.LAST:
            raise InputError(f"expected a step's number from 0, found {step_num!r}")
        if isinstance(step_num, Step) and step_num.key in self._seen and fits(step_num.key, mode, worker):
            return self._seen[step_num.key]
        there = {found.key: found for found in self._index.of(modes_of(mode), int(step_num))}
        self._seen.update(there)
        fitting = [found for key, found in there.items() if fits(key, mode, worker)]
        if isinstance(step_num, Step):
            fitting = [found for found in fitting if found.key == step_num.key]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            meant = ", ".join(f"{found.key.mode.name} of worker {found.key.worker}" for found in fitting[:8])
            raise InputError(
                f"{self.place}: expected one step {int(step_num)}, found {len(fitting)}: {meant}; say mode or worker"
            )
        numbers = sorted({int(step) for step in self.steps(mode) if worker in (None, step.worker)})
        of_whom = "" if worker is None else f" of worker {worker}"
        raise InputError(
            f"{self.place}: expected a step {step_num!r} in mode {(mode or Mode.GLOBAL).name}{of_whom}, "
            f"found {listed(numbers)}"
        )

    def _layout(self, found: Found) -> Layout:
        key = found.key.path
        layout = self._remembered(key) or self._remember(key, Layout(found.place, found.size))
        said = tuple(layout.metadata.get(name) for name in ("mode", "step", "worker", "event_id"))
        expected = (found.key.mode.name, str(found.key.number), found.key.worker, found.key.event_id)
        if layout.metadata.get("format") != files.FORMAT or said != expected:
            raise RecordError(f"{found.place}: expected {files.FORMAT!r} of {expected}, found {layout.metadata!r:.200}")
        return layout

    def _parameters(self, digest: str, step: Step) -> Layout:
        if not files.is_digest(digest):
            raise RecordError(f"{step!r}: expected a digest of parameters, found {digest[:80]!r}")
        if layout := self._remembered(digest):
            return layout
        entry = self._index.parameters().get(digest)
        if entry is None:
            raise RecordError(f"{step!r}: expected the parameters {digest} in {self.place}, found none")
        return self._remember(digest, Layout(entry.place, entry.size))

    def _remembered(self, key: str) -> Layout | None:
        layout = self._layouts.get(key)
        if layout is not None:
            self._layouts.move_to_end(key)
        return layout

    def _remember(self, key: str, layout: Layout) -> Layout:
        self._layouts[key] = layout
        if len(self._layouts) > _LAYOUTS:
            self._layouts.popitem(last=False)
        return layout


class Tensor:
    """One name in a trial; made by ``Trial.tensor``."""

    def __init__(self, trial: Trial, name: str) -> None:
        self.name = name
        self._trial = trial

    def steps(self, mode: Mode | None = None) -> list[Step]:
        """Returns the steps that have it; the header of every step of the mode is read."""
        return [step for step in self._trial.steps(mode) if self.name in self._trial._names([step])]

    def value(self, step_num: int, mode: Mode | None = None, worker: str | None = None) -> NDArray[Any]:
        """Returns what the model had, bit for bit (bfloat16 as float32).

        Args:
            step_num: A number in the mode, or one of ``Trial.steps``.
            mode: Where numbers alone would be ambiguous.
            worker: As the mode.

        Raises:
            InputError: There is no such step, there are several, or this one has no tensor of the name; what there is
                is told.
            RecordError: The file is damaged.
        """
        return self._trial._value(self.name, self._trial._step(step_num, mode, worker))

    def shape(self, step_num: int, mode: Mode | None = None, worker: str | None = None) -> tuple[int, ...]:
        """Returns its shape at a step without reading its values.

        Raises:
            InputError: As ``value``.
            RecordError: As ``value``.
        """
        for layout in self._trial._parts(self._trial._step(step_num, mode, worker)):
            if self.name in layout.tensors:
                return layout.tensors[self.name].shape
        raise InputError(f"expected {self.name!r} in step {step_num!r}, found no such tensor")
