"""Sends a dataset's images to an endpoint, as they are on disk, and keeps what it answered."""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from components.artifacts import Outputs
from components.capture.record import sampled
from components.errors import EndpointError, InputError
from components.serve.client import Client

ANSWERS = "answers.jsonl"
PROGRESS_SECONDS = 2.0
TYPES = ((b"\x89PNG", "image/png"), (b"\xff\xd8", "image/jpeg"))


class Images(Protocol):
    """The images of one split of a dataset."""

    @property
    def paths(self) -> Sequence[str]:
        """Of the images, in the dataset."""

    @property
    def class_ids(self) -> Any:
        """Of the images, whole numbers ``(images,)``."""

    def __len__(self) -> int: ...

    def read_bytes(self, i: int) -> bytes:
        """Returns the encoded image ``i``."""


class Answered(NamedTuple):
    """What became of one image; one line of ``answers.jsonl``.

    Attributes:
        path: In the dataset.
        true_class: By the dataset.
        predicted: By the model.
        label: The model's name for it.
        score: Of the predicted class, in [0, 1].
        event_id: The server's name for the exchange, which its captured record bears.
        seconds: From the first try to the last byte.
        retries: Tries before the one that was answered.
    """

    path: str
    true_class: int
    predicted: int
    label: str
    score: float
    event_id: str
    seconds: float
    retries: int


def replay(args: argparse.Namespace, outputs: Outputs) -> None:
    """The stage: sends a split, writes ``answers`` and ``metrics``, and says the window that holds the traffic."""
    from components.data.dataset import read

    split = read(Path(args.dataset)).split(args.split)
    order = choose(len(split), args.count, args.seed)
    if not order:
        raise InputError(f"expected images in the split {args.split!r}, found none")
    opened, started = time.time(), time.perf_counter()
    with Client(args.url, connections=args.concurrency, retries=args.retries, timeout=args.timeout) as client:
        answers = list(_shown(send(client, split, order, args.concurrency), len(order)))
    seconds, (start, end) = time.perf_counter() - started, window(opened, time.time())
    wait_until(end)
    with outputs.folder("answers") as folder, (folder / ANSWERS).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(answer._asdict(), ensure_ascii=False) + "\n" for answer in answers)
    outputs.metrics("metrics", summary(answers, seconds))
    # The sampling is a pure function of the event id, so whoever waits for the records knows how many will come.
    outputs.value("captured", sum(sampled(answer.event_id, args.sampling_percentage) for answer in answers))
    outputs.value("start", stamp(start))
    outputs.value("end", stamp(end))
    outputs.describe("answers", images=len(answers), split=args.split, url=args.url)


def choose(total: int, count: int, seed: int) -> list[int]:
    """Returns ``count`` of ``total`` positions (0: all), drawn and shuffled with the seed."""
    return random.Random(seed).sample(range(total), min(count, total) if count else total)


def window(opened: float, closed: float) -> tuple[int, int]:
    """Returns the window ``[start, end)`` of traffic in whole UTC seconds since 1970.

    Captured records bear whole seconds, cut off, so the window begins with the second of the first request. The server
    notes an exchange when its answer has left, which may be a moment after it came here: one second is left for that.

    Args:
        opened: Before the first request.
        closed: After the last answer.
    """
    return math.floor(opened), math.ceil(closed + 1)


def wait_until(end: float) -> None:
    """Waits until the clock shows ``end``: a replay that is started afterwards has a window of its own."""
    while (left := end - time.time()) > 0:
        time.sleep(left)


def stamp(seconds: int) -> str:
    """Returns UTC seconds since 1970 in ISO 8601."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def send(client: Client, split: Images, order: Sequence[int], concurrency: int) -> Iterator[Answered]:
    """Yields an answer for each position in ``order``, in that order, with ``concurrency`` requests at once.

    Raises:
        EndpointError: A request failed for good; those not yet begun are not sent.
    """
    with ThreadPoolExecutor(concurrency, thread_name_prefix="replay") as pool:
        waiting: list[Future[Answered]] = [pool.submit(_one, client, split, i) for i in order]
        try:
            for future in waiting:
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def summary(answers: Sequence[Answered], seconds: float) -> dict[str, float | int]:
    """Returns the flat metrics of a replay; latencies include the retries."""
    right = sum(answer.predicted == answer.true_class for answer in answers)
    p50, p99 = np.percentile([answer.seconds for answer in answers], [50, 99])
    return {
        "accuracy": round(right / len(answers), 5),
        "images": len(answers),
        "right": right,
        "requests": len(answers) + sum(answer.retries for answer in answers),
        "retries": sum(answer.retries for answer in answers),
        "latency_p50_seconds": round(float(p50), 5),
        "latency_p99_seconds": round(float(p99), 5),
        "images_per_second": round(len(answers) / seconds, 1),
    }


def _one(client: Client, split: Images, i: int) -> Answered:
    path = split.paths[i]
    data = split.read_bytes(i)
    # The path as inference id: ground truth can be joined to the captured record by it.
    name = path if len(path) <= 64 and path.isascii() and path.isprintable() else None
    try:
        reply = client.invoke(data, _type(data), inference_id=name)
        predicted, label, score = _prediction(reply.json())
    except EndpointError as error:
        raise EndpointError(f"{path}: {error}") from None
    return Answered(
        path, int(split.class_ids[i]), predicted, label, score, reply.event_id, round(reply.seconds, 6), reply.retries
    )


def _type(data: bytes) -> str:
    return next((name for start, name in TYPES if data.startswith(start)), "application/x-image")


def _prediction(answer: Any) -> tuple[int, str, float]:
    try:
        (found,) = answer["predictions"]
        return int(found["class"]), str(found["label"]), float(found["score"])
    except (KeyError, TypeError, ValueError):
        raise EndpointError(
            f"expected one prediction with class, label and score, found {json.dumps(answer)[:120]}"
        ) from None


def _shown(answers: Iterator[Answered], total: int) -> Iterator[Answered]:
    started = last = time.monotonic()
    right = 0
    for done, answer in enumerate(answers, start=1):
        right += answer.predicted == answer.true_class
        now = time.monotonic()
        if now - last >= PROGRESS_SECONDS or done == total:
            last = now
            rate = done / max(now - started, 1e-9)
            print(f"replay: {done} of {total} images, {rate:.0f}/s, {right / done:.4f} right", file=sys.stderr)
        yield answer
