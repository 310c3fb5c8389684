"""Reads the real GTSRB in the layouts it is published in; nothing is fetched that no URI was given for.

Known are the folders and zip files of https://benchmark.ini.rub.de (the archive at sid.erda.dk), and the folder that
torchvision.datasets.GTSRB makes; ``mirror`` says what is taken where a place holds several of them.

The official test set becomes the split ``test``. It has no tracks: each image counts as one of its own. The training
set is split into train and validation by track. Where there is no test set, its tracks are split 70 : 10 : 20.

The PPM images become PNG, which keeps every pixel, and which a server that takes PNG and JPEG can be sent.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from components.data.annotations import Annotation, test_table, training_table
from components.data.classes import LABELS
from components.data.dataset import DatasetWriter
from components.data.mirror import Layout, Member, TrainingFolder, opened, sort_out
from components.data.progress import Progress
from components.data.splits import FRACTIONS, split_by_track
from components.errors import DatasetError, ImageError
from components.images import Limits, decode, encode_png
from components.storage import place

# Of the training tracks, where the test set is official.
TRAIN_AND_VALIDATION = {"train": 0.9, "validation": 0.1}

_TABLE_BYTES = 16 * 1024**2
_LIMITS = Limits(bytes=2 * 1024**2, pixels=512 * 512, side=512)  # GTSRB's images have 15 to 250 pixels on a side

_THREADS = 8
_BATCH = 512


@dataclass(frozen=True)
class _Image:
    member: Member
    annotation: Annotation
    split: str


def convert(
    uri: str,
    folder: Path,
    *,
    seed: int = 0,
    classes: Collection[int] = (),
    tracks_per_class: int = 0,
    frames_per_track: int = 0,
) -> None:
    """Makes a dataset out of the real GTSRB, in an empty folder.

    Args:
        uri: A folder or one of the official zip files: a path, ``file://`` or ``s3://``.
        folder: Where to write the dataset.
        seed: Another seed splits the training tracks differently.
        classes: The classes to take, all 43 when empty; the labels stay all 43.
        tracks_per_class: Tracks of each class at most, in training and in test set, the first ones; 0 for all.
        frames_per_track: Images of each track at most, evenly spread from far to near; 0 for all.

    Raises:
        StorageError: The place cannot be read.
        DatasetError: What lies there is not GTSRB, or its tables and images do not agree; says the file and the line.
        ArchiveError: A zip file there is not to be read.
    """
    with opened(uri) as members:
        layout = sort_out(members)
        print(f"training set: {layout.training_root}; test set: {layout.test_root or 'none'}", file=sys.stderr)
        wanted = set(classes) or set(range(len(LABELS)))
        training, test = ([(m, a) for m, a in found if a.class_id in wanted] for found in _read_tables(layout))
        images = [*_dealt(training, seed, bool(test)), *(_Image(m, a, "test") for m, a in test)]
        images = [*_thinned(images, tracks_per_class, frames_per_track)]
        with DatasetWriter(folder, name="GTSRB", source=place(uri).uri, labels=LABELS, seed=seed) as writer:
            _write(images, writer)


def _read_tables(layout: Layout) -> tuple[list[tuple[Member, Annotation]], list[tuple[Member, Annotation]]]:
    """Returns the images of the training set and of the test set, each with its annotation."""
    training = [pair for class_id, found in layout.training.items() for pair in _read_folder(class_id, found, layout)]
    table = layout.test_table
    if table is None:
        return training, []
    rows = test_table(table.read(_TABLE_BYTES), table.name, layout.test)
    return training, [(layout.test[row.name], row) for row in rows]


def _read_folder(class_id: int, found: TrainingFolder, layout: Layout) -> Iterator[tuple[Member, Annotation]]:
    name = f"GT-{class_id:05d}.csv"
    if name not in found.tables:
        raise DatasetError(f"{layout.training_root}/{class_id:05d}: expected the table {name}, found none")
    table = found.tables[name]
    for row in training_table(table.read(_TABLE_BYTES), table.name, class_id, found.images):
        yield found.images[row.name], row


def _dealt(training: Sequence[tuple[Member, Annotation]], seed: int, official_test: bool) -> Iterator[_Image]:
    tracks: dict[int, set[str]] = {}
    for _, row in training:
        tracks.setdefault(row.class_id, set()).add(row.track_name)
    splits = split_by_track(tracks, TRAIN_AND_VALIDATION if official_test else FRACTIONS, seed)
    return (_Image(member, row, splits[row.track_name]) for member, row in training)


def _thinned(images: Sequence[_Image], tracks_per_class: int, frames_per_track: int) -> Iterator[_Image]:
    """Yields the images in the order of class, set, track and frame, without those over the limits."""

    def by(image: _Image) -> tuple[int, bool, int, int]:
        row = image.annotation
        return row.class_id, row.official_test, row.track, row.frame

    for _, in_class in groupby(sorted(images, key=by), lambda image: by(image)[:2]):
        for i, (_, in_track) in enumerate(groupby(in_class, lambda image: image.annotation.track)):
            if i < (tracks_per_class or i + 1):
                yield from _evenly([*in_track], frames_per_track)


def _evenly(frames: Sequence[_Image], n: int) -> Iterator[_Image]:
    n = min(n or len(frames), len(frames))
    return (frames[(2 * i + 1) * len(frames) // (2 * n)] for i in range(n))


def _write(images: Sequence[_Image], writer: DatasetWriter) -> None:
    progress = Progress("read", len(images), "images")
    with ThreadPoolExecutor(_THREADS) as pool:  # a bucket is waited for, and Pillow decodes without the lock
        for start in range(0, len(images), _BATCH):
            batch = images[start : start + _BATCH]
            for image, png in zip(batch, pool.map(_png, batch), strict=True):
                row = image.annotation
                writer.add(
                    png,
                    class_id=row.class_id,
                    track=row.track,
                    frame=row.frame,
                    split=image.split,
                    size=row.size,
                    box=row.box,
                )
                progress.step()


def _png(image: _Image) -> bytes:
    row = image.annotation
    try:
        pixels = decode(image.member.read(_LIMITS.bytes), _LIMITS)
    except ImageError as error:
        raise DatasetError(f"{image.member.name} ({row.where}): {error}") from None
    height, width = pixels.shape[:2]
    if (width, height) != row.size:
        raise DatasetError(f"{row.where}: expected the image's {width} × {height} pixels, found {row.size}")
    return encode_png(pixels)
