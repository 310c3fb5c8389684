"""Batches over the requests of many clients: a bounded queue on the event loop, and one thread that runs the model.

The queue lives on the event loop alone, so there is no lock in it. A batch leaves when the thread is free: at once if
it is idle (whoever comes alone pays no waiting), and otherwise with all that has come while it was busy, which is what
makes batches grow under load. ``max_wait`` adds a pause for machines whose batches should be fuller than that.

A model that takes less than the way to its thread and back may run on the event loop instead, for whoever comes alone.

The one sweep a tenth of a second does what a timer for every request would: it lets go of those whose time is over,
and asks after the clients of those that wait long.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Generic, NamedTuple, TypeVar

from components.errors import RequestError
from components.serve.limits import BusyError

Item = TypeVar("Item")
Result = TypeVar("Result")

SWEEP_SECONDS = 0.1

INLINE_SECONDS = 0.0001
"""A model whose lone items take less is not worth a switch of threads, there and back, for each."""

Run = Callable[[Sequence[Item]], Sequence[Result]]
Observe = Callable[[int, float], None]


class Policy(NamedTuple):
    """How batches are formed.

    Attributes:
        max_batch: Images in one batch.
        max_wait: Seconds that an idle model waits for more; 0 takes what is there.
        queue_images: Images waiting, over all requests; more are refused.
        timeout: Seconds from the queue to the result.
    """

    max_batch: int = 32
    max_wait: float = 0.0
    queue_images: int = 512
    timeout: float = 60.0


class Job(Generic[Item, Result]):
    """One request's share of a batch."""

    __slots__ = ("asked", "future", "item", "on_slow", "seconds", "since", "size")

    def __init__(self, item: Item, size: int, future: asyncio.Future[Result], on_slow: Callable[[], None] | None):
        self.item = item
        self.size = size
        self.future = future
        self.on_slow = on_slow
        self.asked = False
        self.since = time.monotonic()
        self.seconds = 0.0
        """What the model took for the batch it was in."""


class Batcher(Generic[Item, Result]):
    """Runs items in batches.

    Args:
        run: Takes a list of items and returns a result for each, in order; called by one thread, one call at a time.
            If it raises for several items, each is run again alone, so that a bad item fails by itself.
        policy: How batches are formed.
        observe: Called with the images and the seconds of each batch that went well.
        inline: Whether ``run`` may be called on the event loop too while it is quick. Not for what may ever wait.
    """

    def __init__(
        self, run: Run[Item, Result], policy: Policy, observe: Observe | None = None, inline: bool = False
    ) -> None:
        self._run = run
        self._policy = policy
        self._observe = observe or (lambda images, seconds: None)
        self._waiting: deque[Job[Item, Result]] = deque()
        self._running: list[Job[Item, Result]] = []
        self._handed: SimpleQueue[list[Job[Item, Result]] | None] = SimpleQueue()
        self._scheduled = self._sweeping = False
        self._inline = inline
        self._alone = float("inf")  # seconds that ``run`` took of late for an item that came alone
        self._thread: threading.Thread | None = None
        self.queued = 0
        """Images waiting, those in the model's hands not counted."""

    def start(self) -> None:
        """Starts the thread; must be called on the event loop that ``submit`` is called on."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Lets the thread finish the batch it is at, and fails what still waits."""
        while self._waiting:
            self._fail(
                self._waiting.popleft(), BusyError("expected a running server, found one that stops", "stopping")
            )
        self.queued = 0
        self._handed.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, 5.0)

    def room(self, size: int) -> None:
        """Checks that ``size`` images more may wait.

        Raises:
            BusyError: The queue is full.
        """
        if self.queued + size > self._policy.queue_images:
            raise BusyError(
                f"expected room for {size} images in the queue of {self._policy.queue_images}, "
                f"found {self.queued} waiting",
                "queue_images",
            )

    def submit(self, item: Item, size: int = 1, on_slow: Callable[[], None] | None = None) -> Job[Item, Result]:
        """Puts an item in the queue; the job's future brings the result.

        Args:
            item: What ``run`` takes.
            size: Images in it, at most ``max_batch``.
            on_slow: Called once if the item waits over a tenth of a second. Whoever cancels the future drops the item.

        Raises:
            BusyError: The queue is full.
        """
        self.room(size)
        job: Job[Item, Result] = Job(item, size, self._loop.create_future(), on_slow)
        self._waiting.append(job)
        self.queued += size
        if not self._running and not self._scheduled:
            self._schedule()
        if not self._sweeping:
            self._sweeping = True
            self._loop.call_later(SWEEP_SECONDS, self._sweep)
        return job

    def _schedule(self) -> None:
        # Not at once: requests that arrived in the same turn of the loop make one batch with this one.
        self._scheduled = True
        if self._policy.max_wait > 0 and self.queued < self._policy.max_batch:
            self._loop.call_later(self._policy.max_wait, self._dispatch)
        else:
            self._loop.call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._scheduled = False
        batch: list[Job[Item, Result]] = []
        room = self._policy.max_batch
        while self._waiting and (not batch or self._waiting[0].size <= room):
            job = self._waiting.popleft()
            self.queued -= job.size
            if not job.future.done():  # its client may have gone, or its time be over
                batch.append(job)
                room -= job.size
        if not batch:
            return
        self._running = batch
        if self._inline and self._alone < INLINE_SECONDS and len(batch) == 1 and not self._waiting:
            self._done(batch, *self._timed(batch))
        else:
            self._handed.put(batch)

    def _work(self) -> None:
        while (batch := self._handed.get()) is not None:
            try:
                self._loop.call_soon_threadsafe(self._done, batch, *self._timed(batch))
            except RuntimeError:  # the loop was closed: no one waits any more
                return

    def _timed(self, batch: list[Job[Item, Result]]) -> tuple[list[Result | BaseException], float]:
        started = time.perf_counter()
        results = self._results(batch)
        return results, time.perf_counter() - started

    def _results(self, batch: list[Job[Item, Result]]) -> list[Result | BaseException]:
        try:
            results = list(self._run([job.item for job in batch]))
            if len(results) != len(batch):
                raise ValueError(f"expected {len(batch)} results, found {len(results)}")
        except Exception as error:
            if len(batch) == 1:
                return [error]
            return [self._results([job])[0] for job in batch]
        return [*results]

    def _done(self, batch: list[Job[Item, Result]], results: list[Result | BaseException], seconds: float) -> None:
        self._running = []
        if len(batch) == 1:
            self._alone = seconds if self._alone == float("inf") else self._alone + (seconds - self._alone) / 8
        for job, result in zip(batch, results, strict=True):
            job.seconds = seconds
            if isinstance(result, BaseException):
                self._fail(job, result)
            elif not job.future.done():
                job.future.set_result(result)
        self._observe(sum(job.size for job in batch), seconds)
        if self._waiting:
            self._dispatch()

    def _sweep(self) -> None:
        now = time.monotonic()
        for job in (*self._running, *self._waiting):
            if now - job.since > self._policy.timeout:
                self._fail(job, _late(self._policy.timeout))
            elif not job.asked and now - job.since >= SWEEP_SECONDS:
                job.asked = True
                if job.on_slow is not None and not job.future.done():
                    job.on_slow()
        self._drop()
        if self._running or self._waiting:
            self._loop.call_later(SWEEP_SECONDS, self._sweep)
        else:
            self._sweeping = False

    def _drop(self) -> None:
        # What no one waits for must not take the room of what someone does.
        kept = [job for job in self._waiting if not job.future.done()]
        self._waiting = deque(kept)
        self.queued = sum(job.size for job in kept)

    def _fail(self, job: Job[Item, Result], error: BaseException) -> None:
        if not job.future.done():
            job.future.set_exception(error)
            job.future.exception()  # seen: the client may have gone before it could be told


def _late(timeout: float) -> RequestError:
    return BusyError(f"expected the model's answer within {timeout:g} s, found none", "timeout")
