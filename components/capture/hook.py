"""Keeps what a torch module computes: parameters, inputs, outputs and gradients, chosen by their names.

The names are in ``tensors.names``; ``trial.create_trial`` reads what is written here::

    >>> import torch
    >>> from components.capture.trial import create_trial, modes
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(inplace=True), torch.nn.Flatten())
    >>> hook = TensorHook(network, folder, include_regex=r"Sequential_0|image")
    >>> images = torch.rand(2, 3, 8, 8, requires_grad=True)
    >>> with hook.step(modes.PREDICT, event_id="0af7"):
    ...     network(images).amax(dim=1).sum().backward()
    >>> trial = create_trial(folder)
    >>> trial.steps(mode=modes.PREDICT)
    [Step(0, PREDICT, worker ..., event 0af7)]
    >>> for name in trial.tensor_names(step=0):
    ...     print(name, trial.tensor(name).shape(0))
    Sequential_0.bias (4,)
    Sequential_0.weight (4, 3, 3, 3)
    Sequential_0_input_0 (2, 3, 8, 8)
    Sequential_0_output_0 (2, 4, 6, 6)
    gradient/Sequential_0.bias (4,)
    gradient/Sequential_0.weight (4, 3, 3, 3)
    gradient/Sequential_0_output_0 (2, 4, 6, 6)
    gradient/image (2, 3, 8, 8)
    >>> bool((trial.tensor("gradient/image").value(0) == images.grad.numpy()).all())
    True

Nothing hangs on the module outside of a step that is kept. What is in a file is a copy of what the module had, and the
module's outputs are what they were without the hook, bit for bit.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch

from components.capture.tensors import files, names
from components.capture.tensors.files import Mode
from components.capture.tensors.modules import check_pattern, lasting, plain, unmatched
from components.capture.tensors.plan import Plan, Planned
from components.capture.tensors.recorder import Idle, Passed, Recorder, raw, spelled
from components.capture.tensors.writing import Raw, StepWriter, encode
from components.errors import InputError
from components.storage import Place


class TensorHook:
    """Writes the tensors of a module whose names match a pattern.

    Args:
        module: Any ``torch.nn.Module``; of a parallel or compiled one, the module inside.
        place: Where to, ``file://``, ``s3://`` or a path. Hooks of other processes may write there at once.
        include_regex: What of a name is searched for, as ``re.search`` does.
        save_interval: Every how many steps one is kept, counted from ``start_step``.
        start_step: The first one.
        end_step: The first one that is not kept any more; None for no end.
        modes: Steps of other modes are not kept.
        model: Identity of the model, kept with each step; for a packaged one its digest.
        step_bytes: The most that a step may hold of activations and gradients; one with more is an error.

    Attributes:
        gradients: Whether the pattern asks for any, so that a step without a backward pass would miss them.
        worker: This writer's id in the place.

    Raises:
        InputError: The module is a wrapper; the pattern is no regular expression, or matches nothing that the module
            has (the nearest names are told); the interval or an end is no number of steps.
        StorageError: A place of a kind that there is not.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        place: str | Place,
        include_regex: str,
        *,
        save_interval: int = 1,
        start_step: int = 0,
        end_step: int | None = None,
        modes: Sequence[Mode] = tuple(Mode),
        model: str = "",
        step_bytes: int = files.FILE_BYTES,
    ) -> None:
        if save_interval < 1 or start_step < 0 or (end_step is not None and end_step < start_step):
            raise InputError(
                "expected save_interval from 1 and start_step from 0 to end_step, found "
                f"{save_interval}, {start_step}, {end_step}"
            )
        self._module = plain(module)
        self._pattern = names.pattern(include_regex)
        self.gradients = any(name.startswith(names.GRADIENT) for name in check_pattern(module, include_regex))
        self._wanted = cache(lambda name: self._pattern.search(name) is not None)
        self._interval, self._start, self._end = save_interval, start_step, end_step
        self._modes = frozenset(modes)
        self._limit = step_bytes
        self._writer = StepWriter(place, model)
        self._busy = threading.Lock()

    @property
    def worker(self) -> str:
        """This writer's id in the place."""
        return self._writer.worker

    @contextmanager
    def step(self, mode: Mode = Mode.GLOBAL, event_id: str | None = None) -> Iterator[Recorder | Idle]:
        """Everything the module computes in the block is one step; it is written when the block ends well.

        A step that is not to be kept costs nothing. The parameters are those before the block, the gradients those of
        the backward passes in it.

        Args:
            mode: What the model is doing.
            event_id: Of the captured exchange that the step belongs to.

        Yields:
            A recorder, whose ``save(name, value)`` adds tensors of the caller's own.

        Raises:
            InputError: A step is going on already; nothing matched; two tensors have one name.
            StorageError: The place cannot be read or written.
        """
        if not self._busy.acquire(blocking=False):
            raise InputError("expected one step at a time, found one going on")
        try:
            number = self._writer.number(mode)
            if not self._kept(mode, number):
                yield Idle()
                return
            kept = self._lasting()
            with Recorder(self._module, self._wanted, self._limit) as recorder:
                yield recorder
            self._write(mode, number, recorder, kept, event_id)
        finally:
            self._busy.release()

    def dry_run(self, *inputs: Any, **keywords: Any) -> Plan:
        """Runs the module forward, writes nothing, and tells what a step with a backward pass would write.

        Gradients are told for all that could have one: what no loss depends on gets none. The module's buffers and
        torch's random numbers on the CPU are afterwards as before.

        Args:
            inputs: As the module takes them; one that requires grad also gets ``gradient/image``.
            keywords: As the inputs.

        Raises:
            InputError: Nothing matches; the nearest of what there is are told.
        """
        buffers = [(buffer, buffer.detach().clone()) for buffer in self._module.buffers()]
        try:
            with torch.random.fork_rng(devices=[]), Recorder(self._module, lambda name: False) as recorder:
                self._module(*inputs, **keywords)
        finally:
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)
        kept = {name: Passed(value.dtype, value.layout, tuple(value.shape)) for name, value in lasting(self._module)}
        there = {**recorder.passed, **kept}
        found = [
            Planned(name, spelled(name, one.dtype, one.layout), one.shape, name in kept)
            for name, one in sorted(there.items())
            if self._wanted(name)
        ]
        if not found:
            raise unmatched(self._pattern.pattern, list(there))
        return Plan(tuple(found))

    def _kept(self, mode: Mode, number: int) -> bool:
        ended = self._end is not None and number >= self._end
        due = number >= self._start and (number - self._start) % self._interval == 0
        return mode in self._modes and due and not ended

    def _lasting(self) -> dict[str, Raw]:
        # Copied before the block, in which an optimizer may change them.
        return {name: raw(name, value) for name, value in lasting(self._module) if self._wanted(name)}

    def _write(self, mode: Mode, number: int, recorder: Recorder, kept: dict[str, Raw], event_id: str | None) -> None:
        if not recorder.tensors and not kept:
            raise unmatched(self._pattern.pattern, list(recorder.passed))
        tensors = {name: raw(name, value) for name, value in recorder.tensors.items()}
        self._writer.write(mode, number, tensors, encode(kept) if kept else b"", event_id)
