"""A loaded model behind a queue: what both protocols call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from components.images import Pixels
from components.serve.batching import Batcher, Job, Policy
from components.serve.handlers import Call, Handler
from components.serve.limits import Limits
from components.serve.metrics import Metrics
from components.serve.runtimes import Runtime

Found = TypeVar("Found")
Outputs = NDArray[np.float32]
Slow = Callable[[], None]

INLINE_BYTES = 16 * 1024
"""Bodies up to here are decoded on the event loop: the way to another thread and back takes longer than they do."""

DECODERS = 2


class ImageEndpoint:
    """A runtime that takes images, its requests batched with each other.

    Args:
        runtime: The model.
        policy: How batches are formed.
        limits: What is refused.
        metrics: Where times and batches are counted.
    """

    def __init__(self, runtime: Runtime, policy: Policy, limits: Limits, metrics: Metrics) -> None:
        self.runtime = runtime
        self.metrics = metrics
        self._max_batch = policy.max_batch
        self.batcher: Batcher[Pixels, Outputs] = Batcher(
            self._run, policy, lambda images, seconds: metrics.batch.observe(images), inline=True
        )
        self._pool = ThreadPoolExecutor(DECODERS, thread_name_prefix="decode")
        self.limits = limits

    def start(self) -> None:
        """Starts the model's thread on the running event loop."""
        self.batcher.start()

    async def stop(self) -> None:
        """Ends the threads."""
        await self.batcher.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def decode(self, size: int, read: Callable[[], Found]) -> Found:
        """Returns ``read()``, run in another thread for bodies that are large (``size`` bytes)."""
        self.batcher.room(1)  # whoever cannot be served need not be decoded either
        started = time.perf_counter()
        if size <= INLINE_BYTES:
            found = read()
        else:
            found = await asyncio.get_running_loop().run_in_executor(self._pool, read)
        self.metrics.preprocess.observe(time.perf_counter() - started)
        return found

    def prepare(self, images: Sequence[Pixels]) -> Pixels:
        """Returns images of any sizes as one batch ``(N, height, width, 3)``."""
        if len(images) == 1:
            return self.runtime.prepare(images[0])[None]
        return np.stack([self.runtime.prepare(image) for image in images])

    async def predict(self, batch: Pixels, on_slow: Slow) -> Outputs:
        """Returns the model's outputs ``(N, …)`` for prepared images ``(N, height, width, 3)``.

        Args:
            batch: More than a batch may hold is run as several.
            on_slow: Called once when the queue is long; may cancel the calling task.

        Raises:
            BusyError: The queue is full, or the time is over.
        """
        if len(batch) <= self._max_batch:
            job = self.batcher.submit(batch, len(batch), on_slow)
            outputs = await job.future
            self.metrics.predict.observe(job.seconds)
            return outputs
        return await self._parts(batch, on_slow)

    async def _parts(self, batch: Pixels, on_slow: Slow) -> Outputs:
        self.batcher.room(len(batch))
        jobs: list[Job[Pixels, Outputs]] = []
        for start in range(0, len(batch), self._max_batch):
            part = batch[start : start + self._max_batch]
            jobs.append(self.batcher.submit(part, len(part), on_slow if not jobs else None))
        try:
            outputs = [await job.future for job in jobs]
        finally:
            for job in jobs:
                job.future.cancel()
        self.metrics.predict.observe(sum(job.seconds for job in jobs))
        return np.concatenate(outputs)

    def _run(self, batches: Sequence[Pixels]) -> list[Outputs]:
        if len(batches) == 1:
            return [self.runtime.predict(batches[0])]
        outputs = self.runtime.predict(np.concatenate(batches))
        ends = np.cumsum([len(batch) for batch in batches])
        if len(outputs) != ends[-1]:
            raise ValueError(f"expected {ends[-1]} rows of outputs, found {len(outputs)}")
        return np.split(outputs, ends[:-1])


class HandlerEndpoint:
    """An archive's own code, called for one request after the other.

    What a handler takes and gives is its own affair, so its requests cannot be batched with each other.
    """

    def __init__(self, handler: Handler, policy: Policy, metrics: Metrics) -> None:
        self.metrics = metrics
        self.batcher: Batcher[Call, tuple[bytes, str]] = Batcher(
            lambda calls: [handler.answer(call) for call in calls],
            policy._replace(max_batch=1),
            lambda images, seconds: metrics.batch.observe(images),
        )

    def start(self) -> None:
        """Starts the handler's thread on the running event loop."""
        self.batcher.start()

    async def stop(self) -> None:
        """Ends the thread."""
        await self.batcher.stop()

    async def answer(self, call: Call, on_slow: Slow) -> tuple[bytes, str]:
        """Returns the handler's answer and its Content-Type.

        Raises:
            BusyError: The queue is full, or the time is over.
            Exception: Whatever the handler raised.
        """
        job = self.batcher.submit(call, 1, on_slow)
        answer = await job.future
        self.metrics.predict.observe(job.seconds)
        return answer


Endpoint = ImageEndpoint | HandlerEndpoint
