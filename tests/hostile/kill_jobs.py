"""Every program of the house that writes something, with small inputs that the stages before it have made.

``World`` holds the inputs; each is made when it is first asked for, once a session.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

import untaught
from serving import serving
from stage_jobs import Job, job, plain

from tests.monitor.records import answer, line, put, traffic

COUNT = 90  # records of a place
SIGNS = (0, 1, 14)  # stop is the target that attacks go for


class World:
    """Inputs below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open = ExitStack()

    def close(self) -> None:
        """Ends what was started."""
        self._open.close()

    def made(self, name: str, of: Callable[[World, Path], Job]) -> dict[str, Path]:
        """Returns the outputs of a job that was run to its end."""
        (self.folder / name).mkdir()
        done = of(self, self.folder / name)
        done.run()
        return done.outputs

    @cached_property
    def data(self) -> dict[str, Path]:
        return self.made("data", rendered)

    @cached_property
    def dataset(self) -> Path:
        return self.data["dataset"]

    @cached_property
    def model(self) -> Path:
        return untaught.classifier(self.folder / "model", self.dataset, SIGNS)

    @cached_property
    def packed(self) -> dict[str, Path]:
        return self.made("package", packed)

    @cached_property
    def archive(self) -> Path:
        """As it lies in a place, under the name that ``package fetch`` takes."""
        return self.packed["archive"].rename(self.folder / "model.tar.gz")

    @cached_property
    def place(self) -> Path:
        """Traffic as it should be."""
        put(self.folder / "place", traffic(1, COUNT))
        return self.folder / "place"

    @cached_property
    def alarming(self) -> Path:
        """Traffic that the monitor flags: the dataset's pictures, all answered alike, and not surely."""
        pictures = sorted((self.dataset / "images").rglob("*.png"))
        shown = [pictures[i % len(pictures)] for i in range(COUNT)]
        names = [str(path.relative_to(self.dataset)) for path in shown]
        asked = zip(range(COUNT), shown, names, strict=True)
        lines = [line(f"e-{i}", answer(0, 0.3), path.read_bytes(), inference_id=name) for i, path, name in asked]
        put(self.folder / "alarming", lines)
        return self.folder / "alarming"

    @cached_property
    def baseline(self) -> Path:
        return self.made("baseline", counted)["baseline"]

    @cached_property
    def results(self) -> Path:
        return self.made("check", judged)["results"]

    @cached_property
    def scenes(self) -> Path:
        return self.made("scenes", composed)["dataset"]

    @cached_property
    def detector(self) -> Path:
        return untaught.detector(self.folder / "animals")

    @cached_property
    def learnt(self) -> dict[str, Path]:
        """What the detector's training writes."""
        return self.made("detector", detector_trained)

    @cached_property
    def learnt_archive(self) -> Path:
        def packed_too(world: World, folder: Path) -> Job:
            return job(folder, "package pack", model=self.learnt["model"])

        return self.made("learnt", packed_too)["archive"]

    @cached_property
    def url(self) -> str:
        """Of a server that answers at once."""
        return self._open.enter_context(serving(self.folder)).url

    @cached_property
    def explained(self) -> Path:
        return self.made("clarify", boxes_explained)["results"]


def rendered(world: World, folder: Path) -> Job:
    return job(folder, "data", classes=",".join(map(str, SIGNS)), tracks_per_class=5, frames_per_track=1)


def read_window(world: World, folder: Path) -> Job:
    return job(folder, "capture", place=world.place, images=COUNT)


def counted(world: World, folder: Path) -> Job:
    return job(folder, "monitor baseline", place=world.place)


def judged(world: World, folder: Path) -> Job:
    return job(folder, "monitor check", place=world.alarming, baseline=world.baseline)


def packed(world: World, folder: Path) -> Job:
    return job(folder, "package pack", model=world.model)


def unpacked(world: World, folder: Path) -> Job:
    return job(folder, "package unpack", archive=world.archive)


def fetched(world: World, folder: Path) -> Job:
    return job(folder, "package fetch", uri=world.archive.as_uri(), digest=_digest(world))


def composed(world: World, folder: Path) -> Job:
    return job(folder, "data.scenes", train=6, validation=2, test=4, side=96)


def page(world: World, folder: Path) -> Job:
    made = world.data
    return job(folder, "report", dataset=made["dataset"], archive=world.archive, baseline=world.baseline)


def detection_page(world: World, folder: Path) -> Job:
    learnt = {"curves": world.learnt["curves"], "training": world.learnt["metrics"], "model": world.learnt["model"]}
    return job(folder, "report", scenes=world.scenes, clarify=world.explained, archive=world.learnt_archive, **learnt)


def trained(world: World, folder: Path) -> Job:
    return job(folder, "fine_tune", dataset=world.dataset, epochs=1, side=untaught.SIDE, batch_size=4, patience=1)


def detector_trained(world: World, folder: Path) -> Job:
    return job(folder, "fine_tune.detector", dataset=world.scenes, epochs=1, side=64, batch_size=2)


def attacked(world: World, folder: Path) -> Job:
    few = {"split": "train", "steps": 5, "target": -1, "epsilons": "4", "robustness_count": 6}
    return job(folder, "adversarial", dataset=world.dataset, archive=world.archive, **few)


def records_explained(world: World, folder: Path) -> Job:
    return job(folder, "fullgrad explain", results=world.results, archive=world.archive, place=world.alarming, count=4)


def records_compared(world: World, folder: Path) -> Job:
    known = {"results": world.results, "archive": world.archive, "dataset": world.dataset}
    return job(folder, "fullgrad compare", **known, place=world.alarming, count=4)


def classes_explained(world: World, folder: Path) -> Job:
    few = {"count": 2, "num_segments": 5, "model_type": "IMAGE_CLASSIFICATION"}
    return job(folder, "clarify", images=world.dataset, archive=world.archive, **few)


def boxes_explained(world: World, folder: Path) -> Job:
    few = {"count": 2, "num_segments": 5, "probability_threshold": 0.01, "seed": 3}
    return job(folder, "clarify", "detector", images=world.scenes, archive=world.detector, **few)


def planned(world: World, folder: Path) -> Job:
    few = {"count": 2, "num_segments": 5, "model_type": "IMAGE_CLASSIFICATION", "dry_run": "true"}
    return job(folder, "clarify", images=world.dataset, archive=world.archive, **few)


def replayed(world: World, folder: Path) -> Job:
    return job(folder, "serve replay", dataset=world.dataset, url=world.url, split="train")


def copied(world: World, folder: Path) -> Job:
    return plain(folder, "components.storage", world.dataset.as_uri(), target="")


def sheets(world: World, folder: Path) -> Job:
    return plain(folder, "components.data.signs", "--side", 32, sheet="--sheet", photos="--photos")


def _digest(world: World) -> str:
    return world.packed["digest"].read_text() if world.archive else ""


Maker = Callable[[World, Path], Job]

JOBS: dict[str, list[Maker]] = {
    "data": [rendered],
    "data.scenes": [composed],
    "data.signs": [sheets],
    "storage": [copied],
    "fine_tune": [trained],
    "fine_tune.detector": [detector_trained],
    "package pack": [packed],
    "package unpack": [unpacked],
    "package fetch": [fetched],
    "serve replay": [replayed],
    "capture": [read_window],
    "monitor baseline": [counted],
    "monitor check": [judged],
    "adversarial": [attacked],
    "fullgrad explain": [records_explained],
    "fullgrad compare": [records_compared],
    "clarify": [classes_explained, boxes_explained, planned],
    "report": [page, detection_page],
}
"""Of each program that writes, those that start a server left out (``test_deploy_kills``)."""

QUICK: list[Maker] = [rendered, read_window, copied]
"""A second or two each; the others are for the long version."""
