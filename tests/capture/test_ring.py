"""The memory between server and writer process: what is put comes out, whatever the order of putting and releasing."""

from __future__ import annotations

import os
from collections import deque
from mmap import PAGESIZE

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.capture.ring import Ledger, Outlet, Ring, Run

SIZE, USUAL = 3 * PAGESIZE, PAGESIZE
STEPS = st.lists(st.one_of(st.integers(1, SIZE + 50), st.just(0)), max_size=60)


@settings(max_examples=200)
@given(STEPS)
def test_runs_never_overlap_and_come_out_as_they_went_in(steps: list[int]) -> None:
    """A step is a run of that many bytes; 0 is the other end, which takes the oldest. To shrink loses nothing, ever."""
    ring, waiting = Ring(SIZE, USUAL), deque[tuple[Run, bytes]]()
    outlet = Outlet(ring.descriptor, ring.size)
    for size in steps:
        if not size:
            if waiting:
                run, sent = waiting.popleft()
                assert outlet.take(run.start, run.size) == sent
                assert ring.release(1) == run.records
            ring.shrink()
            continue
        sent = os.urandom(size)
        found = ring.put([sent[: size // 3], sent[size // 3 :]], size)
        if found is None:
            assert size > SIZE or waiting  # an empty ring takes all that it can hold
        else:
            waiting.append((found, sent))
    assert list(ring.runs) == [run for run, _ in waiting]
    assert ring.used == sum(run.size for run in ring.runs) <= ring.size == SIZE + USUAL
    assert all(outlet.take(run.start, run.size) == sent for run, sent in waiting)
    ring.close()


@given(st.lists(st.integers(1, USUAL // 4), max_size=60))
def test_a_ring_that_is_read_in_time_keeps_to_its_usual_part(sizes: list[int]) -> None:
    """Two runs wait at most: however the third lies to the end, a quarter each leaves room for it."""
    ring = Ring(SIZE, USUAL)
    for size in sizes:
        run = ring.put([bytes(size)], 1)
        assert run
        assert run.start + run.size <= USUAL
        if len(ring.runs) > 2:
            ring.release(1)
    ring.close()


def test_the_memory_of_a_burst_is_given_back() -> None:
    ring = Ring(64 << 20, 4 << 20)
    outlet = Outlet(ring.descriptor, ring.size)
    for _ in range(60):
        ring.put([bytes(1 << 20)], 1)
    held = os.fstat(ring.descriptor).st_blocks * 512
    ring.release(59)
    ring.shrink()  # nothing while the last of it waits
    assert os.fstat(ring.descriptor).st_blocks * 512 == held >= 60 << 20
    ring.release(1)
    ring.shrink()
    assert os.fstat(ring.descriptor).st_blocks * 512 < 5 << 20
    run = ring.put([b"a" * (20 << 20), b"b"], 2)
    assert run == Run(4 << 20, (20 << 20) + 1, 2)
    assert outlet.take(run.start, run.size) == b"a" * (20 << 20) + b"b"
    ring.close()
    assert ring.ledger().taken == 1  # can still be read


def test_the_ledger_tells_what_the_process_told_and_begins_anew_with_the_next() -> None:
    ring = Ring(SIZE, USUAL)
    outlet = Outlet(ring.descriptor, ring.size)
    assert ring.ledger() == Ledger()
    run = ring.put([b"12345"], 1)
    assert run
    outlet.take(run.start, run.size)
    assert ring.ledger() == Ledger(taken=1)
    told = Ledger(outlet.taken, 2, 3, 4, 5, 6, 7, 8)
    outlet.tell(told)
    assert ring.ledger() == told
    ring.begin()
    assert ring.ledger() == Ledger(spool=8)
    ring.close()


@pytest.mark.parametrize("size", [SIZE + 1, 5 * SIZE])
def test_what_is_larger_than_the_ring_is_not_taken(size: int) -> None:
    ring = Ring(SIZE, USUAL)
    assert ring.put([bytes(size)], 1) is None
    assert not ring.runs
    ring.close()
