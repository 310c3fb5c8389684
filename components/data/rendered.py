"""A dataset out of the project's own renderer, for machines without the real one.

A frame is a pure function of its class, track, number and seed (``signs.render_frame``), so the frames are made by as
many processes as there are cores, and any number of them writes the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from components.data.classes import LABELS
from components.data.dataset import DatasetWriter
from components.data.index import Box, track_name
from components.data.progress import Progress
from components.data.splits import FRACTIONS, split_by_track
from components.data.workers import pool
from components.images import encode_png

TRACKS_PER_CLASS = 30
FRAMES_PER_TRACK = 6


class _Job(NamedTuple):
    """One track to render: plain numbers, as they travel between processes."""

    class_id: int
    track: int
    frames: int
    seed: int


class _Frame(NamedTuple):
    png: bytes
    size: tuple[int, int]
    box: Box


def render(
    folder: Path,
    *,
    tracks_per_class: int = TRACKS_PER_CLASS,
    frames_per_track: int = FRAMES_PER_TRACK,
    seed: int = 0,
    classes: Collection[int] = (),
    workers: int = 0,
) -> None:
    """Renders a dataset of traffic signs into an empty folder, split 70 : 10 : 20 by track.

    Args:
        folder: Where to write it.
        tracks_per_class: Physical signs of each class, 1 to 99,999.
        frames_per_track: Images of each sign.
        seed: Another seed gives other signs and deals the tracks differently.
        classes: The classes to render, all 43 when empty; the labels stay all 43.
        workers: Processes, as many as there are cores when 0. The result is the same for any number.
    """
    wanted = sorted(set(classes)) or range(len(LABELS))
    tracks = {c: [track_name(c, t) for t in range(tracks_per_class)] for c in wanted}
    splits = split_by_track(tracks, FRACTIONS, seed)
    jobs = [_Job(c, t, frames_per_track, seed) for c in wanted for t in range(tracks_per_class)]
    progress = Progress("rendered", len(jobs) * frames_per_track, "images")
    with DatasetWriter(folder, name="signs", source="rendered", labels=LABELS, seed=seed) as writer:
        for job, frames in zip(jobs, _rendered(jobs, workers or cores()), strict=True):
            split = splits[track_name(job.class_id, job.track)]
            for i, (png, size, box) in enumerate(frames):
                writer.add(png, class_id=job.class_id, track=job.track, frame=i, split=split, size=size, box=box)
            progress.step(len(frames))


def cores() -> int:
    """Returns the number of cores this process may use, within a container's limit (cgroup v2 ``cpu.max``)."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return allowed
    return allowed if quota == "max" else max(1, min(allowed, int(quota) // int(period)))


def _rendered(jobs: Collection[_Job], workers: int) -> Iterator[list[_Frame]]:
    """Yields the frames of each job, in the jobs' order."""
    if workers == 1:
        yield from map(_render_track, jobs)
        return
    shared = pool(min(workers, len(jobs)))
    try:
        yield from shared.map(_render_track, jobs)
    finally:
        shared.shutdown(cancel_futures=True)


def _render_track(job: _Job) -> list[_Frame]:
    from components.data.signs import render_frame

    frames = []
    for frame in range(job.frames):
        rendered = render_frame(job.class_id, job.track, frame, seed=job.seed, frames=job.frames)
        height, width = rendered.image.shape[:2]
        x1, y1, x2, y2 = (int(side) for side in rendered.box)
        frames.append(_Frame(encode_png(rendered.image), (width, height), (x1, y1, x2, y2)))
    return frames
