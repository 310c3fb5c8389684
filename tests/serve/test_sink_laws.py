"""Laws of the pairing: whatever comes in whatever order, the whole exchanges come out, once each, and all adds up."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.serve.sink import contents
from components.serve.sink.events import REQUEST, RESPONSE, Event
from components.serve.sink.pairs import PAIRED, REFUSED, WAITING, Pairs
from tests.serve.kserve_logger import captured, counts, ended, send, sinking

KINDS = (REQUEST, RESPONSE)
HALVES = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 7)), max_size=60)


def half(kind: str, number: int, size: int = 10) -> Event:
    return Event(kind, f"event-{number}", f"call-{number}", "signs", None, bytes(size), "image/png")


class Taker:
    """Takes exchanges unless it is told to be full."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.full = False

    def __call__(self, request: Event, response: Event) -> bool:
        assert (request.kind, response.kind) == KINDS
        assert request.event_id == response.event_id
        if not self.full:
            self.taken.append(request.event_id)
        return not self.full


@given(HALVES)
def test_exactly_the_whole_exchanges_come_out_once_each(halves: list[tuple[str, int]]) -> None:
    taker = Taker()
    pairs = Pairs(taker)
    for kind, number in halves:
        pairs.take(half(kind, number))
    seen = {kind: {number for found, number in halves if found == kind} for kind in KINDS}
    whole, alone = seen[REQUEST] & seen[RESPONSE], seen[REQUEST] ^ seen[RESPONSE]
    assert sorted(taker.taken) == sorted(f"event-{number}" for number in whole)
    assert len(pairs) == len(alone)
    assert pairs.counts.total() + len(pairs) == len(halves)
    pairs.clear()
    assert (len(pairs), pairs.held) == (0, 0)
    assert pairs.counts.total() == len(halves)


@given(
    st.lists(
        st.tuples(st.sampled_from(KINDS), st.integers(0, 9), st.integers(0, 3000), st.floats(0, 4), st.booleans()),
        max_size=80,
    )
)
def test_room_and_time_are_bounded_and_every_event_has_one_outcome(
    steps: list[tuple[str, int, int, float, bool]],
) -> None:
    now, limit, taker = 0.0, 8000, Taker()
    pairs = Pairs(taker, seconds=5.0, limit=limit, percentage=70.0, clock=lambda: now)
    for done, (kind, number, size, seconds, taker.full) in enumerate(steps, 1):
        now += seconds
        before = len(pairs)
        outcome = pairs.take(half(kind, number, size))
        assert 0 <= pairs.held <= limit
        assert pairs.counts.total() + len(pairs) == done
        assert len(pairs) <= before + (outcome == WAITING)
    assert pairs.counts[REQUEST, PAIRED] == pairs.counts[RESPONSE, PAIRED] == len(taker.taken)
    now += 5.0
    pairs.expire()
    assert (len(pairs), pairs.held) == (0, 0)
    assert pairs.counts.total() == len(steps)


@given(st.permutations(KINDS))
def test_what_the_capture_has_no_room_for_may_be_sent_again(kinds: list[str]) -> None:
    taker = Taker()
    pairs = Pairs(taker)
    assert pairs.take(half(kinds[0], 1)) == WAITING
    taker.full = True
    assert pairs.take(half(kinds[1], 1)) == REFUSED
    taker.full = False
    assert pairs.take(half(kinds[1], 1)) == PAIRED
    assert taker.taken == ["event-1"]


def test_what_is_done_is_remembered_in_bounded_room() -> None:
    taker = Taker()
    pairs = Pairs(taker)
    for number in range(100_010):
        pairs.take(half(REQUEST, number))
        pairs.take(half(RESPONSE, number))
    assert len(pairs._done) == 100_000
    assert pairs.take(half(REQUEST, 100_009)) == "duplicate"


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Counter[str], list[str]]]:
    """A sink under all examples; in the end just the whole exchanges of all of them must be at the place."""
    root = tmp_path_factory.mktemp("sink")
    sent: Counter[str] = Counter()
    whole: list[str] = []
    with sinking(root / "place", "--pair-seconds", 300, "--spool", root / "spool") as (url, process):
        yield url, sent, whole
        found = counts(url)
        ended(process)
    assert sorted(captured(root / "place")) == sorted(whole)
    assert sum(found.values()) == sent.total()
    assert found[REQUEST, PAIRED] == found[RESPONSE, PAIRED] == len(whole)


EXAMPLES = itertools.count()


@settings(max_examples=15)
@given(halves=HALVES)
def test_the_program_keeps_the_law(sink: tuple[str, Counter[str], list[str]], halves: list[tuple[str, int]]) -> None:
    url, sent, whole = sink
    example = next(EXAMPLES)
    for kind, number in halves:
        send(url, kind, f"{example}-{number}")
        sent[kind] += 1
    numbers = [{number for found, number in halves if found == kind} for kind in KINDS]
    whole += [f"call-{example}-{number}" for number in numbers[0] & numbers[1]]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=3), st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_the_json_before_binary_tensors_is_found_whatever_is_in_it(tails: list[bytes], more: dict[str, object]) -> None:
    listed = [{"name": "images", "parameters": {"binary_data_size": len(tail)}} for tail in tails]
    for key, media_type in (("inputs", contents.of_request), ("outputs", contents.of_response)):
        head = json.dumps({**more, key: listed}).encode()
        body = head + b"".join(tails)
        args = (body, "application/octet-stream", None)
        found = media_type(*args, {}) if media_type is contents.of_request else media_type(*args)
        length = f"application/octet-stream; inference-header-content-length={len(head)}"
        plain = "application/octet-stream" if key == "inputs" else "application/json"
        assert found == (length if len(body) > len(head) else plain)


@given(st.binary(max_size=200), st.sampled_from(["", "image/png", "application/json"]))
def test_other_bodies_are_what_was_said_of_them(body: bytes, stated: str) -> None:
    assert contents.of_request(body, stated, None, {}) == (stated or None)
    looks = body.lstrip()[:1] in (b"{", b"[")
    assert contents.of_response(body, stated, None) == ("application/json" if looks else stated or None)
