"""Measures what an explanation costs beside the model's own predictions, for one to three boxes, and over an endpoint.

``.venvs/<torch or detector>/bin/python tests/bench/clarify_speed.py --archive model.tar.gz --images folder``

All have one picture, the same segments and coalitions, and one thread, and run in turn, round after round; figures are
medians of the rounds, ratios medians of the rounds' ratios. ``model alone`` predicts the masked pictures, made before,
in batches of the same size. ``1 box`` to ``3 boxes`` look at the picture, explain and write everything that the stage
writes of it; ``3 boxes, each by itself`` plays a game for each. Over the endpoint, a server of ours on this machine,
``one picture a request`` waits for each answer, as the AWS sample's client and server do between them.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from components.clarify.config import AnalysisConfig, ImageConfig, ShapConfig
from components.clarify.endpoint import EndpointPredictor
from components.clarify.explaining import Explainer
from components.clarify.folder import Folder
from components.clarify.looking import look
from components.clarify.predictors import CLASSIFICATION, DETECTION, PackagePredictor
from components.clarify.sources import pictures
from components.errors import InputError
from components.serve.client import Client

ROOT = Path(__file__).resolve().parents[2]


class Spent(NamedTuple):
    """Seconds on the clock, and of this process's processor time, which what else the machine does hardly changes."""

    clock: float
    processor: float


class Single(EndpointPredictor):
    """An endpoint that is sent one picture a request."""

    def room(self, size: int) -> int:
        return 1


@contextmanager
def serving(archive: str, threads: int) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ("--model", archive, "--port", str(port), "--threads", str(threads), "--device", "cpu")
    command = [sys.executable, "-W", "ignore", "-m", "components.serve", "run", *options]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            with Client(url) as client:
                while not client.ready():
                    if process.poll() is not None:
                        raise SystemExit("expected a server that starts, found one that ended")
                    time.sleep(0.1)
            yield url
        finally:
            process.kill()


def chosen(images: Path, predictor: Any, config: AnalysisConfig) -> Any:
    """Returns the first picture with as many detections as are to be explained."""
    for source in pictures(images, "").found:
        image, _ = source.open()
        looked = look(image, predictor, config)
        if len(looked.wanted) >= config.shap.image_config.max_objects:
            return image
    raise SystemExit("expected a picture with three detections, found none")


def explained(image: Any, predictor: Any, config: AnalysisConfig) -> None:
    with tempfile.TemporaryDirectory() as place:
        detection = config.shap.image_config.model_type == DETECTION
        folder = Folder(Path(place), detection, config.probability_threshold, {})
        folder.add("picture", "picture", Explainer(predictor, config).explain(look(image, predictor, config)))
        folder.finish({})


def with_boxes(config: AnalysisConfig, **changes: Any) -> AnalysisConfig:
    return replace(config, shap=replace(config.shap, image_config=replace(config.shap.image_config, **changes)))


def each_alone(image: Any, predictor: Any, config: AnalysisConfig) -> None:
    looked = look(image, predictor, config)
    explainer = Explainer(predictor, config)
    with tempfile.TemporaryDirectory() as place:
        folder = Folder(Path(place), config.shap.image_config.model_type == DETECTION, 0.0, {})
        for i in range(len(looked.wanted)):
            one = replace(looked, wanted=looked.wanted.only(i))
            folder.add("picture", f"picture{i}", explainer.explain(one))


def alone(image: Any, predictor: Any, config: AnalysisConfig) -> Callable[[], None]:
    """Returns the model's predictions of as many masked pictures, made before."""
    looked = look(image, predictor, config)
    masker = Explainer(predictor, config).masker(looked, np.ones(looked.segments.count))
    count = (config.shap.num_samples or 0) + 3  # none and all of the segments, and the picture itself
    coalitions = np.random.default_rng(0).random((count, len(masker.players))) < 0.5
    batches = list(masker.chunks(coalitions, predictor.room))

    def run() -> None:
        for _ in predictor.answers(batches):
            pass

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--archive", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    for name, default in (("rounds", 5), ("samples", 500), ("segments", 20), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    kind, predictor = load(args.archive, args.threads)
    image_config = ImageConfig(kind, num_segments=args.segments, max_objects=3)
    config = AnalysisConfig(ShapConfig(image_config, num_samples=args.samples), probability_threshold=0.01)
    image = chosen(args.images, predictor, config)
    with serving(str(args.archive), args.threads) as url:
        batched, single = (cls(url, kind) for cls in (EndpointPredictor, Single))
        waiting = Single(url, kind, in_flight=1)
        contenders: dict[str, Callable[[], None]] = {
            "model alone": alone(image, predictor, config),
            "1 box": lambda: explained(image, predictor, with_boxes(config, max_objects=1)),
            "2 boxes": lambda: explained(image, predictor, with_boxes(config, max_objects=2)),
            "3 boxes": lambda: explained(image, predictor, config),
            "3 boxes, each by itself": lambda: each_alone(image, predictor, config),
            "endpoint: batches, 4 in flight": lambda: explained(image, batched, config),
            "endpoint: one picture a request, 4 in flight": lambda: explained(image, single, config),
            "endpoint: one picture a request": lambda: explained(image, waiting, config),
        }
        times = measured(contenders, args.rounds)
        for one in (batched, single, waiting):
            one.close()
    print(json.dumps(told(times, image, kind), indent=2))


def load(archive: Path, threads: int) -> tuple[str, PackagePredictor]:
    try:
        return DETECTION, PackagePredictor(archive, DETECTION, threads=threads)
    except InputError:
        return CLASSIFICATION, PackagePredictor(archive, CLASSIFICATION, threads=threads)


def measured(contenders: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[Spent]]:
    times: dict[str, list[Spent]] = {name: [] for name in contenders}
    for number in range(-1, rounds):  # the first round warms up and is not counted
        for name, run in contenders.items():
            clock, processor = time.perf_counter(), time.process_time()
            run()
            if number >= 0:
                times[name].append(Spent(time.perf_counter() - clock, time.process_time() - processor))
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return times


def told(times: dict[str, list[Spent]], image: Any, kind: str) -> dict[str, Any]:
    def ratio(one: str, other: str) -> dict[str, float]:
        pairs = list(zip(times[one], times[other], strict=True))
        clock = round(statistics.median(a.clock / b.clock for a, b in pairs), 3)
        if one.startswith("endpoint") or other.startswith("endpoint"):
            return {"clock": clock}
        return {"clock": clock, "processor": round(statistics.median(a.processor / b.processor for a, b in pairs), 3)}

    return {
        "model_type": kind,
        "picture": list(image.shape),
        "seconds": {name: round(statistics.median(one.clock for one in found), 3) for name, found in times.items()},
        "ratios": {
            "1 box / model alone": ratio("1 box", "model alone"),
            "3 boxes / model alone": ratio("3 boxes", "model alone"),
            "2 boxes / 1 box": ratio("2 boxes", "1 box"),
            "3 boxes / 2 boxes": ratio("3 boxes", "2 boxes"),
            "each by itself / 3 boxes": ratio("3 boxes, each by itself", "3 boxes"),
            "endpoint / in this process": ratio("endpoint: batches, 4 in flight", "3 boxes"),
            "one a request, 4 in flight / batches": ratio(
                "endpoint: one picture a request, 4 in flight", "endpoint: batches, 4 in flight"
            ),
            "one a request / batches": ratio("endpoint: one picture a request", "endpoint: batches, 4 in flight"),
        },
    }


if __name__ == "__main__":
    main()
