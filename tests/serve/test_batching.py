"""The batcher by itself: what shares a batch, what happens to the bad, the late and the gone, and how much may wait."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import RequestError
from components.serve.batching import Batcher, Policy
from components.serve.limits import BusyError


class Model:
    """Doubles numbers, and notes the batches it was given; odd things happen at the numbers that say so."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = threading.Event()
        self.open.set()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.open.wait(10)
        self.batches.append(list(items))
        if any(item < 0 for item in items):
            raise ValueError("negative")
        return [2 * item for item in items]


def running(policy: Policy, work: Any, model: Any = None, inline: bool = False) -> Any:
    """Runs ``work(batcher)`` on an event loop with a started batcher."""

    async def run() -> Any:
        batcher: Batcher[Any, Any] = Batcher(model or Model(), policy, inline=inline)
        batcher.start()
        try:
            return await work(batcher)
        finally:
            if isinstance(model, Model):
                model.open.set()
            await batcher.stop()

    return asyncio.run(run())


async def gather(batcher: Any, items: Sequence[int]) -> list[Any]:
    return await asyncio.gather(*[batcher.submit(item).future for item in items], return_exceptions=True)


@settings(max_examples=50)
@given(items=st.lists(st.integers(-3, 1000), max_size=40), max_batch=st.integers(1, 9), inline=st.booleans())
def test_each_gets_its_own_result_and_the_bad_fail_alone(items: list[int], max_batch: int, inline: bool) -> None:
    model = Model()
    found = running(Policy(max_batch=max_batch), lambda batcher: gather(batcher, items), model, inline)
    for item, result in zip(items, found, strict=True):
        if item < 0:
            assert isinstance(result, ValueError)
        else:
            assert result == 2 * item
    assert all(len(batch) <= max_batch for batch in model.batches)


def test_what_comes_while_the_model_is_busy_makes_one_batch() -> None:
    model = Model()

    async def work(batcher: Any) -> list[int]:
        model.open.clear()
        first = batcher.submit(0)
        await asyncio.sleep(0.05)
        rest = [batcher.submit(number) for number in range(1, 10)]
        model.open.set()
        return [await job.future for job in (first, *rest)]

    assert running(Policy(), work, model) == [2 * number for number in range(10)]
    assert model.batches == [[0], list(range(1, 10))]


def test_whoever_comes_alone_does_not_wait() -> None:
    async def work(batcher: Any) -> float:
        started = time.perf_counter()
        for number in range(100):
            assert await batcher.submit(number).future == 2 * number
        return (time.perf_counter() - started) / 100

    assert running(Policy(), work) < 0.01


def test_an_idle_model_waits_when_it_is_told_to() -> None:
    model = Model()

    async def work(batcher: Any) -> None:
        jobs = [batcher.submit(1)]
        await asyncio.sleep(0.02)
        jobs.append(batcher.submit(2))
        for job in jobs:
            await job.future

    running(Policy(max_wait=0.1), work, model)
    assert model.batches == [[1, 2]]


def test_a_full_queue_refuses_and_has_room_again() -> None:
    model = Model()

    async def work(batcher: Any) -> None:
        model.open.clear()
        taken = [batcher.submit(0)]
        await asyncio.sleep(0.05)
        taken += [batcher.submit(number) for number in range(4)]
        with pytest.raises(BusyError, match="queue of 4"):
            batcher.submit(9)
        assert batcher.queued == 4
        model.open.set()
        await asyncio.gather(*[job.future for job in taken])
        assert batcher.queued == 0
        assert await batcher.submit(9).future == 18

    running(Policy(queue_images=4), work, model)


def test_who_is_gone_takes_no_room_and_no_time() -> None:
    model = Model()

    async def work(batcher: Any) -> None:
        model.open.clear()
        first = batcher.submit(0)
        await asyncio.sleep(0.05)
        gone = [batcher.submit(number) for number in (1, 2, 3)]
        for job in gone:
            job.future.cancel()
        await asyncio.sleep(0.3)
        assert batcher.queued == 0
        last = batcher.submit(4)
        model.open.set()
        assert [await job.future for job in (first, last)] == [0, 8]

    running(Policy(queue_images=4), work, model)
    assert model.batches == [[0], [4]]


def test_time_is_over_also_for_those_in_the_models_hands() -> None:
    model = Model()

    async def work(batcher: Any) -> None:
        model.open.clear()
        jobs = [batcher.submit(0)]
        await asyncio.sleep(0.05)
        jobs.append(batcher.submit(1))
        for job in jobs:
            with pytest.raises(RequestError, match=r"within 0.3 s") as refused:
                await job.future
            assert refused.value.status == 503

    running(Policy(timeout=0.3), work, model)


def test_only_those_who_wait_long_are_asked_after() -> None:
    model = Model()
    asked: list[int] = []

    async def work(batcher: Any) -> None:
        await batcher.submit(0, on_slow=lambda: asked.append(0)).future
        model.open.clear()
        slow = batcher.submit(1, on_slow=lambda: asked.append(1))
        await asyncio.sleep(0.5)
        model.open.set()
        await slow.future

    running(Policy(), work, model)
    assert asked == [1]


def test_stopping_fails_what_waits() -> None:
    async def run() -> Any:
        model = Model()
        batcher: Batcher[int, int] = Batcher(model, Policy())
        batcher.start()
        model.open.clear()
        first = batcher.submit(0)
        await asyncio.sleep(0.05)
        waiting = batcher.submit(1)
        asyncio.get_running_loop().call_later(0.1, model.open.set)
        await batcher.stop()
        assert await first.future == 0
        with pytest.raises(BusyError, match="stops"):
            await waiting.future

    asyncio.run(run())


def test_a_model_that_returns_too_little_is_an_error() -> None:
    async def work(batcher: Any) -> Any:
        return await gather(batcher, [1, 2, 3])

    found = running(Policy(), work, lambda items: [])
    assert all(isinstance(result, ValueError) for result in found)


@pytest.mark.parametrize(("inline", "seconds", "here"), [(True, 0.0, True), (True, 0.002, False), (False, 0.0, False)])
def test_only_a_quick_model_that_may_runs_on_the_event_loop(inline: bool, seconds: float, here: bool) -> None:
    threads: list[int] = []

    def model(items: Sequence[int]) -> list[int]:
        threads.append(threading.get_ident())
        time.sleep(seconds)
        return [2 * item for item in items]

    async def work(batcher: Any) -> list[Any]:
        return [await batcher.submit(item).future for item in range(60)]

    assert running(Policy(), work, model, inline) == [2 * item for item in range(60)]
    assert threads[0] != threading.get_ident()  # how quick it is has to be seen first
    assert (threading.get_ident() in threads) == here


def test_a_quick_model_is_given_a_long_queue_without_recursion() -> None:
    items = list(range(400))
    assert running(Policy(max_batch=1), lambda batcher: gather(batcher, items), Model(), inline=True) == [
        2 * item for item in items
    ]
