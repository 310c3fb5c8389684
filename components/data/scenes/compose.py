"""Detection scenes with exact boxes, composed from cut-outs: signs of the project's own, or anybody's.

A scene is a pure function of the stock, its split, its number, the seed and the side, so as many processes as there are
cores make them, and any number of them writes the same bytes. The box of an object is the tight box of the pixels that
show it: those it covers by more than half, without what stands in front, within the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from components.data.index import SPLITS
from components.data.progress import Progress
from components.data.rendered import cores
from components.data.scenes.backdrop import SHARED, backdrop
from components.data.scenes.index import Thing
from components.data.scenes.layout import arrange, tight, visible
from components.data.scenes.photograph import encoded, painted, photographed
from components.data.scenes.stock import Stock
from components.data.scenes.streams import scene_stream
from components.data.scenes.writer import ScenesWriter
from components.data.workers import pool

SIDE = 128


class Scene(NamedTuple):
    """One scene: the encoded picture and what it shows."""

    jpeg: bytes
    objects: list[Thing]


class _Job(NamedTuple):
    """Scenes that share a place: plain values, as they travel between processes."""

    split: str
    numbers: range
    seed: int
    side: int


def scene(stock: Stock, split: str, number: int, *, seed: int, side: int = SIDE) -> Scene:
    """Composes one scene: a pure function of its arguments, the same bytes every time."""
    rng = scene_stream(seed, split, number)
    placed = arrange(stock, split, side, rng)
    behind = backdrop(seed, split, number, side, rng)
    pixels = photographed(painted(behind, placed, stock.manner, rng), rng)
    masks = visible(placed, side)
    objects = [Thing(one.class_id, tight(mask)) for one, mask in zip(placed, masks, strict=True)]
    return Scene(encoded(pixels, rng), objects)


def compose(
    stock: Stock,
    folder: Path,
    *,
    name: str,
    source: str,
    counts: Mapping[str, int],
    seed: int = 0,
    side: int = SIDE,
    workers: int = 0,
) -> None:
    """Composes a dataset into an empty folder.

    Args:
        stock: What the scenes show.
        folder: Where to write it.
        name: What people call it.
        source: Where the stock came from.
        counts: Scenes of each split.
        seed: Another seed gives other scenes.
        side: Of each picture, in pixels.
        workers: Processes, as many as there are cores when 0. The result is the same for any number.
    """
    jobs = [
        _Job(split, range(first, min(first + SHARED, counts[split])), seed, side)
        for split in SPLITS
        for first in range(0, counts.get(split, 0), SHARED)
    ]
    progress = Progress("composed", sum(counts.values()), "scenes")
    with ScenesWriter(folder, name=name, source=source, labels=stock.labels, seed=seed, notes=stock.notes) as writer:
        for job, scenes in zip(jobs, _composed(stock, jobs, workers or cores()), strict=True):
            for number, (jpeg, objects) in zip(job.numbers, scenes, strict=True):
                writer.add(jpeg, split=job.split, number=number, size=(side, side), objects=objects, extension="jpg")
            progress.step(len(scenes))


def _composed(stock: Stock, jobs: list[_Job], workers: int) -> Iterator[list[Scene]]:
    """Yields the scenes of each job, in the jobs' order."""
    if workers == 1:
        yield from (_scenes(stock, job) for job in jobs)
        return
    shared = pool(min(workers, len(jobs)), _begin, stock)
    try:
        yield from shared.map(_work, jobs)
    finally:
        shared.shutdown(cancel_futures=True)


def _scenes(stock: Stock, job: _Job) -> list[Scene]:
    return [scene(stock, job.split, number, seed=job.seed, side=job.side) for number in job.numbers]


# Of a worker process: the stock comes once, not with every job.
_stock: list[Stock] = []


def _begin(stock: Stock) -> None:
    _stock[:] = [stock]


def _work(job: _Job) -> list[Scene]:
    return _scenes(_stock[0], job)
