"""Follows a run elsewhere: shows each change, says at the end what failed and why.

Leaving is not stopping. As with ``argo submit --watch`` and ``kubectl logs -f``, Ctrl-C, SIGTERM and a timeout end only
the follower; the run goes on, and the last words say how to follow it again and how to stop it.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from components.errors import RoadworthyError
from pipelines.submit.runs import ENDED, Run, Snapshot, Step, UnreachableError
from pipelines.targets.local import records, view
from pipelines.targets.local.records import Observer, Record

EVERY = 2.0
"""Seconds between two looks."""

PATIENCE: Final = 5
"""Looks that may fail one after the other: a cluster's API is upgraded, a laptop sleeps."""

UNTAKEN: Final = 20.0
"""Seconds after which a run that nobody takes up is spoken of."""

TIMED_OUT: Final = 124
"""Exit status of timeout(1)."""

_SHOWN = 5
"""Failed or unfinished steps that are spoken of at the end."""


class _Left(BaseException):
    """A signal asked the follower to leave; not an Exception, so that no handler of errors stops it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def follow(run: Run, observer: Observer, timeout: float | None = None) -> int:
    """Follows a run to its end and returns the exit status: 0, 1, ``TIMED_OUT``, or 128 + a signal's number.

    Args:
        run: What to follow.
        observer: Is told of each change; see ``targets.local.view``.
        timeout: Seconds after which to leave; None: never.

    Raises:
        PipelineError: The run cannot be looked at any more.
    """
    began = time.monotonic()
    shown = _Shown(observer)
    try:
        with _leaving():
            observer.began([], run.name)
            try:
                while True:
                    snapshot = _looked(run)
                    shown.update(snapshot, run)
                    if snapshot.state in ENDED:
                        break
                    waited = time.monotonic() - began
                    if timeout is not None and waited >= timeout:
                        break
                    shown.untaken(snapshot, waited)
                    time.sleep(EVERY)
            finally:
                observer.ended()
    except _Left as left:
        _say(f"\n{run.name}: no longer followed; it goes on", *run.onward())
        return 128 + left.number
    if snapshot.state not in ENDED:
        _say(*_stuck(run, snapshot, time.monotonic() - began), *run.onward())
        return TIMED_OUT
    return _ended(run, snapshot, time.monotonic() - began)


class _Shown:
    """What the observer has been told."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._records: dict[str, Record] = {}
        self._warned = False

    def update(self, snapshot: Snapshot, run: Run) -> None:
        for step in snapshot.steps:
            said = ""
            if step.state == records.PENDING and step.said:
                said = "; ".join(part for part in (step.said.rstrip("."), run.why(step)) if part)
            record = Record(step.label, state=step.state, started=step.started, attempts=step.attempts, said=said)
            if step.started and step.finished:
                record.seconds = max(0.0, step.finished - step.started)
            before = self._records.get(step.key)
            self._records[step.key] = record
            if before is None or (before.state, before.said, before.attempts) != (record.state, said, step.attempts):
                if before is None and record.state == records.PENDING and not said:
                    continue  # news only once it moves
                self._observer.changed(record)

    def untaken(self, snapshot: Snapshot, waited: float) -> None:
        if not snapshot.state and not self._warned and waited > UNTAKEN:
            self._warned = True
            _say(f"expected a controller to take the run up within {UNTAKEN:g} s, found none: does it watch here?")


def _looked(run: Run) -> Snapshot:
    failures = 0
    while True:
        try:
            return run.look()
        except UnreachableError as error:
            failures += 1
            if failures == PATIENCE:
                raise UnreachableError("\n".join([f"{error}; the run may go on", *run.onward()])) from None
            time.sleep(EVERY * failures)


def _stuck(run: Run, snapshot: Snapshot, waited: float) -> Iterator[str]:
    yield f"{run.name}: no end after {waited:.0f} s, no longer followed; it goes on"
    unfinished = [step for step in snapshot.steps if step.state in (records.PENDING, records.RUNNING)]
    for step in unfinished[:_SHOWN]:
        yield from _about(run, step)
    if not snapshot.state:
        yield "  nobody took it up: is the workflow controller running, and does it watch this namespace?"


def _about(run: Run, step: Step) -> Iterator[str]:
    words = {records.PENDING: "waits", records.RUNNING: "runs"}
    said = view.clean(step.said) or ("no reason was given" if step.state == records.FAILED else "")
    yield f"step '{step.label}' {words.get(step.state, 'failed')}" + (f": {said}" if said else "")
    if why := run.why(step):
        yield f"  {why}"


def _ended(run: Run, snapshot: Snapshot, took: float) -> int:
    lines = []
    failed = [step for step in snapshot.steps if step.state == records.FAILED]
    for step in failed[:_SHOWN]:
        lines += list(_about(run, step))
        try:
            log = run.tail(step)
        except RoadworthyError as error:
            log = f"its log: {error}"
        lines += [f"    {line}" for line in view.clean(log).splitlines()[-view.TAIL :]]
    if len(failed) > _SHOWN:
        lines.append(f"… and {len(failed) - _SHOWN} more steps failed")
    if snapshot.said and snapshot.state != records.SUCCEEDED:
        whole = Step("", run.name, records.FAILED, said=snapshot.said)
        lines += [f"  {view.clean(snapshot.said)}", *(f"  {why}" for why in [run.why(whole)] if why and not failed)]
    ran = sum(step.state in (records.SUCCEEDED, records.FAILED) for step in snapshot.steps)
    closing = f"{run.name}: {view.WORDS[snapshot.state]}, {ran} steps run, followed for {took:.0f} s"
    good = snapshot.state == records.SUCCEEDED
    _say(*lines, closing, to_errors=not good)
    return int(not good)


def _say(*lines: str, to_errors: bool = True) -> None:
    print("\n".join(lines), file=sys.stderr if to_errors else sys.stdout, flush=True)


@contextmanager
def _leaving() -> Iterator[None]:
    def leave(number: int, frame: object) -> None:
        raise _Left(number)

    previous = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
