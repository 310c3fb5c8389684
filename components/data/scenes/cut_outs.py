"""Reads a folder of cut-outs: one sub-folder a class, in it pictures with transparent surroundings.

::

    animals/dog/dog.png
    animals/dog/terrier.webp
    animals/zebra/zebra.png

PNG and WebP are taken. The cut-outs of a class are dealt to train, validation and test, each to one; a class of two has
none of its own for validation, which then shows those of the training, and one alone is shown by all.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np
from PIL import Image

from components.data.index import SPLITS, refuse
from components.data.scenes.cut_out import CutOut, cut_out
from components.data.scenes.files import Files
from components.data.scenes.stock import CutOutStock
from components.data.splits import FRACTIONS, split_by_track
from components.errors import DatasetError, ImageError, OversizeError
from components.images import Limits

TAKEN = (".png", ".webp")

# Pictures, but none that can be a cut-out here: they are told, where other files are left alone.
_OTHERS = (".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".svg")

Found = dict[str, Image.Image]
"""The ``RGBA`` pictures of a class by their names, each thing once."""


def read_cut_outs(files: Files, *, classes: Sequence[str], seed: int, longest: int) -> CutOutStock:
    """Reads every cut-out.

    Args:
        files: The folder.
        classes: Sub-folders to take, in the order of the classes; all, in the order of their names, when empty.
        seed: Another seed deals the individuals differently.
        longest: The most pixels that a cut-out's longer side will be shown with.

    Raises:
        DatasetError: Says every picture that is broken, over the limits or no cut-out, and every class without any.
    """
    by_class: dict[str, list[str]] = {}
    for name in files.names:
        label, slash, _ = name.partition("/")
        if slash:
            by_class.setdefault(label, []).append(name)
    labels = tuple(classes) or tuple(sorted(by_class))
    problems = [f"{label}: expected a sub-folder of that name, found none" for label in labels if label not in by_class]
    if not labels:
        problems.append("expected one sub-folder a class, found none")
    found = [_read_class(files, by_class.get(label, []), problems) for label in labels]
    cuts = [_prepared(pictures, longest, problems) for pictures in found]
    problems += [
        f"{label}: expected PNG or WebP cut-outs, found none"
        for label, pictures in zip(labels, found, strict=True)
        if not pictures and label in by_class
    ]
    refuse(problems, str(files.base))
    return CutOutStock(labels, *_dealt(labels, cuts, seed))


def _read_class(files: Files, names: Sequence[str], problems: list[str]) -> Found:
    found: Found = {}
    seen: dict[str, str] = {}
    for name in names:
        kind = PurePosixPath(name).suffix.lower()
        if kind in _OTHERS:
            problems.append(f"{name}: expected PNG or WebP, found {kind}")
        if kind not in TAKEN:
            continue
        try:
            image = _rgba(files.read(name, Limits().bytes))
        except (DatasetError, ImageError) as error:
            problems.append(str(error) if str(error).startswith(name) else f"{name}: {error}")
            continue
        # A copy, mirrored or not, is no second individual.
        if seen.setdefault(_thing(image), name) == name:
            found[name] = image
    return found


def _rgba(data: bytes) -> Image.Image:
    limits = Limits()
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "WEBP")) as image:
            if image.width * image.height > limits.pixels or max(image.size) > limits.side:
                raise OversizeError(f"expected at most {limits.pixels} pixels, found {image.width} × {image.height}")
            image.load()
            if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
                raise ImageError(f"expected an alpha channel, found a picture of mode {image.mode}")
            return image.convert("RGBA")
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on hostile bytes
        raise ImageError(f"expected a whole PNG or WebP, found {len(data)} bytes ({type(error).__name__})") from None


def _thing(image: Image.Image) -> str:
    pixels = np.asarray(image)
    pixels = pixels * (pixels[..., 3:] > 0)  # what is under full transparency is not seen
    return min(hashlib.sha256(p.tobytes()).hexdigest() + str(p.shape) for p in (pixels, pixels[:, ::-1]))


def _prepared(found: Found, longest: int, problems: list[str]) -> dict[str, CutOut]:
    cuts: dict[str, CutOut] = {}
    for name, image in found.items():
        try:
            cuts[name] = cut_out(image, longest)
        except ImageError as error:
            problems.append(f"{name}: {error}")
    return cuts


def _dealt(
    labels: Sequence[str], cuts: Sequence[Mapping[str, CutOut]], seed: int
) -> tuple[dict[str, list[list[CutOut]]], tuple[str, ...]]:
    """Returns the cut-outs of each split, of each class, and what is to be said on it."""
    splits = split_by_track({i: [*of] for i, of in enumerate(cuts)}, FRACTIONS, seed)
    dealt = {split: [[cut for name, cut in of.items() if splits[name] == split] for of in cuts] for split in SPLITS}
    for own, training in ((own, t) for s in SPLITS for own, t in zip(dealt[s], dealt["train"], strict=True)):
        own[:] = own or training
    return dealt, tuple(_notes(labels, [Counter(splits[name] for name in of) for of in cuts]))


def _notes(labels: Sequence[str], counted: Sequence[Counter[str]]) -> Iterator[str]:
    for label, of in zip(labels, counted, strict=True):
        if of.total() == 1:
            yield f"{label}: one individual, which train, validation and test all show"
        elif not of["validation"]:
            yield f"{label}: {of.total()} individuals, so that validation shows those of train; test has its own"
