"""The stages as the programs they are: flagged records and a package in; maps, pictures and numbers out."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torchvision.models import resnet18

from components.artifacts import dispatch
from components.capture import record
from components.capture.record import Exchange
from components.data.attacked import ORIGINALS
from components.data.dataset import DatasetWriter
from components.fullgrad import fullgrad
from components.fullgrad.__main__ import STAGES
from components.fullgrad.interest import outside, region
from components.images import Preprocessing, decode, encode_png
from components.package.archive import pack
from components.package.description import ModelDescription
from tests.fullgrad.networks import trained_like

ROOT = Path(__file__).resolve().parents[2]
LABELS = ("Stop", "Yield", "Priority", "Curve")
SIDE = 32
PREPROCESSING = Preprocessing(SIDE, SIDE)
TIME = 1_700_000_000.0
JPEG, PNG, NPY, JSON = "image/jpeg", "image/png", "application/x-npy", "application/json"


def picture(seed: int, side: int = SIDE) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 256, (side // 8, side // 8, 3), np.uint8)
    return coarse.repeat(8, 0).repeat(8, 1)


def encoded(image: NDArray[np.uint8], kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == NPY:
        np.save(buffer, image)
    elif kind == JSON:
        return json.dumps({"images": [base64.b64encode(encode_png(image)).decode()]}).encode()
    else:
        Image.fromarray(image).save(buffer, kind.removeprefix("image/").upper())
    return buffer.getvalue()


class World:
    """A packaged model, and a place with captured traffic."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.place = folder, folder / "place"
        torch.manual_seed(0)
        self.network = trained_like(resnet18(num_classes=len(LABELS)))
        trained = folder / "trained"
        trained.mkdir()
        save_file(self.network.state_dict(), trained / "model.safetensors")
        about = {"versions": {"torch": "2"}, "data": {"name": "none", "digest": "sha256:" + "0" * 64}}
        described = ("signs", "classification", "torch", "resnet18", "model.safetensors", LABELS, PREPROCESSING)
        (trained / "model.json").write_bytes(ModelDescription(*described, **about).to_bytes())
        self.digest = pack(trained, folder / "model.tar.gz").digest

    def predict(self, image: NDArray[np.uint8]) -> tuple[int, float]:
        with torch.no_grad():
            scores = torch.softmax(self.network(self.input(image)), 1)[0]
        return int(scores.argmax()), float(scores.max())

    def input(self, image: NDArray[np.uint8]) -> torch.Tensor:
        return torch.from_numpy(PREPROCESSING.normalize(PREPROCESSING.resize(image)[None]))

    def captured(self, name: str, bodies: dict[str, tuple[bytes, str, list[Any]]]) -> Path:
        """Writes records as the capture writer does; an answer is a list of (class, score)."""
        place = self.folder / name
        path = place / record.folder("signs", "main", TIME) / record.file_name(TIME, "test")
        path.parent.mkdir(parents=True)
        lines = [
            record.encode(
                Exchange(event, TIME + i, body, kind, answer(told), JSON, event.removeprefix("event of "), None)
            )
            for i, (event, (body, kind, told)) in enumerate(bodies.items())
        ]
        path.write_bytes(b"".join(lines))
        return place

    def results(self, name: str, flagged: list[tuple[str, str, int | None]]) -> Path:
        folder = self.folder / name
        folder.mkdir()
        rows = [
            {"violation": v, "event_id": e, "inference_id": None, "time": 0, "class": c, "label": None, "score": None}
            for v, e, c in flagged
        ]
        types = (("violation", pa.string()), ("event_id", pa.string()), ("inference_id", pa.string()))
        more = (("time", pa.timestamp("us", tz="UTC")), ("class", pa.int64()), ("label", pa.string()))
        schema = pa.schema([*types, *more, ("score", pa.float64())])
        pq.write_table(pa.Table.from_pylist(rows, schema), folder / "flagged.parquet")
        return folder

    def run(self, results: Path, place: Path, *more: str, stage: str = "explain", out: str = "") -> Done:
        command = [
            sys.executable,
            "-m",
            "components.fullgrad",
            *self.arguments(results, place, *more, stage=stage, out=out),
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return self.done(done.returncode, done.stderr, results, out)

    def here(self, results: Path, place: Path, *more: str, out: str = "") -> Done:
        """Runs the program inside this process, which has torch already."""
        with redirect_stderr(io.StringIO()) as said:
            try:
                status = dispatch(STAGES, self.arguments(results, place, *more, out=out))
            except SystemExit as end:  # argparse's
                status = int(end.code or 0)
        return self.done(status, said.getvalue(), results, out)

    def arguments(self, results: Path, place: Path, *more: str, stage: str = "explain", out: str = "") -> list[str]:
        target = self.folder / (out or f"out-{results.name}")
        paths = [f"--{name}={target / name}" for name in ("explanations", "metrics")]
        archive = f"--archive={self.folder / 'model.tar.gz'}"
        return [stage, f"--results={results}", f"--place={place}", *paths, archive, *more]

    def done(self, status: int, said: str, results: Path, out: str) -> Done:
        target = self.folder / (out or f"out-{results.name}")
        return Done(status, said, target / "explanations", target / "metrics")


class Done:
    """What a stage left."""

    def __init__(self, status: int, said: str, folder: Path, metrics: Path) -> None:
        self.status, self.said, self.folder, self._metrics = status, said, folder, metrics

    @property
    def rows(self) -> list[dict[str, Any]]:
        return pq.read_table(self.folder / "index.parquet").to_pylist()

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads((self.folder / "summary.json").read_text())

    @property
    def metrics(self) -> dict[str, float]:
        return json.loads(self._metrics.read_text())

    def map(self, name: str) -> NDArray[np.float32]:
        return np.load(self.folder / name, allow_pickle=False)

    def picture(self, name: str) -> NDArray[np.uint8]:
        return decode((self.folder / name).read_bytes())


def answer(told: list[tuple[int, float]]) -> bytes:
    return json.dumps({"predictions": [{"class": c, "label": LABELS[c], "score": s} for c, s in told]}).encode()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def mixed(world: World) -> Done:
    """One record a content type, one that holds two images, one unreadable, one that is not in the window."""
    bodies = {}
    for i, kind in enumerate((JPEG, PNG, NPY, JSON)):
        body = encoded(picture(i, 48), kind)
        sent = decode(body) if kind == JPEG else picture(i, 48)
        bodies[f"event of {kind}"] = (body, kind, [world.predict(sent)])
    two = np.stack([picture(8), picture(9)])
    others = [((world.predict(image)[0] + i) % 4, 0.5) for i, image in enumerate(two)]
    bodies["event of two"] = (encoded(two, NPY), NPY, others)
    bodies["event of noise"] = (b"\xff\xd8 no picture", JPEG, [(0, 0.9)])
    bodies["event of nobody"] = bodies[f"event of {PNG}"]
    place = world.captured("mixed", bodies)
    flagged = [("over_predicted_class", event, told[0][0]) for event, (_, _, told) in bodies.items()]
    flagged = [row for row in flagged if row[1] not in ("event of nobody", "event of two")]
    flagged += [("over_predicted_class", "event of two", others[1][0]), ("low_confidence", f"event of {PNG}", None)]
    done = world.run(world.results("mixed-results", [*flagged, ("low_confidence", "event of old", 1)]), place)
    assert done.status == 0, done.said
    return done


def test_each_flagged_record_is_explained_from_its_own_bytes(world: World, mixed: Done) -> None:
    rows = {row["inference_id"]: row for row in mixed.rows}
    assert sorted(rows) == [JSON, NPY, JPEG, PNG, "two"]
    for i, kind in enumerate((JPEG, PNG, NPY, JSON)):
        row, body = rows[kind], encoded(picture(i, 48), kind)
        sent = decode(body) if kind in (JPEG, PNG) else picture(i, 48)
        expected = fullgrad(world.network, world.input(sent))
        np.testing.assert_allclose(mixed.map(row["map"]), expected.saliency[0].numpy(), rtol=2e-3, atol=2e-3)
        assert row["class"] == row["recomputed_class"] == int(expected.target)
        assert row["label"] == LABELS[row["class"]]
        assert row["logit"] == pytest.approx(float(expected.logit), rel=1e-3)
        assert row["residual"] < 1e-5
        assert row["score"] == pytest.approx(row["recomputed_score"], abs=1e-4)
        assert row["same"]
        assert np.array_equal(mixed.picture(row["image"]), PREPROCESSING.resize(sent))
        assert mixed.picture(row["overlay"]).shape == (SIDE, SIDE, 3)
        assert row["region"] == "circle"
        assert row["original_logit"] is None
    assert rows[PNG]["violations"] == "low_confidence, over_predicted_class"


def test_of_a_request_with_several_images_only_the_flagged_is_explained(mixed: Done) -> None:
    (row,) = (row for row in mixed.rows if row["inference_id"] == "two")
    assert row["position"] == 1
    assert np.array_equal(mixed.picture(row["image"]), picture(9))


def test_what_was_answered_is_explained_even_if_it_is_answered_differently_now(world: World, mixed: Done) -> None:
    (row,) = (row for row in mixed.rows if row["inference_id"] == "two")
    top = world.predict(picture(9))[0]
    assert (row["recomputed_class"], row["class"], row["same"]) == (top, (top + 1) % 4, False)
    expected = fullgrad(world.network, world.input(picture(9)), row["class"])
    assert row["logit"] == pytest.approx(float(expected.logit), rel=1e-3)
    assert mixed.summary["counts"]["mismatched"] == mixed.metrics["mismatched"] == 1


def test_what_could_not_be_explained_is_counted(mixed: Done) -> None:
    counts = mixed.summary["counts"]
    expected = {"flagged": 8, "chosen": 7, "found": 6, "missing": 1, "unreadable": 1, "explained": 5, "compared": 0}
    assert {name: counts[name] for name in expected} == expected
    assert {name: mixed.metrics[name] for name in expected} == expected
    assert "5 images of 7 flagged records explained, 1 not in the window, 1 unreadable, 1 answered" in mixed.said


def test_shares_outside_are_those_of_the_maps(mixed: Done) -> None:
    for row in mixed.rows:
        saliency = mixed.map(row["map"])
        y, x = np.mgrid[:SIDE, :SIDE] + 0.5 - SIDE / 2
        beyond = np.hypot(x, y) > 0.4 * SIDE
        assert row["outside_share"] == pytest.approx(saliency[beyond].sum() / saliency.sum())
        scaled = (saliency - saliency.min()) / np.ptp(saliency)
        assert row["outside_highest"] == pytest.approx(scaled[beyond].max())
        assert row["alert"] == (row["outside_highest"] >= 0.85)


@pytest.fixture(scope="module")
def attacked(world: World) -> Path:
    """An adversarial folder: six images and what they were before."""
    folder = world.folder / "attacked"
    about = {"source": "test", "labels": LABELS, "seed": 1}
    for target, offset in ((folder, 0), (folder / ORIGINALS, 100)):
        with DatasetWriter(target, name="attacked", **about) as writer:
            for i in range(6):
                image = encode_png(picture(i + offset))
                where = {"class_id": i % 4, "track": i, "frame": 0, "split": "test"}
                writer.add(image, **where, size=(SIDE, SIDE), box=(4, 6, 20, 30))
    return folder


@pytest.fixture(scope="module")
def compared(world: World, attacked: Path) -> Done:
    rows = pq.read_table(attacked / "index.parquet").to_pylist()
    bodies = {
        f"event of {row['path']}": (body, PNG, [world.predict(decode(body))])
        for row in rows
        for body in [(attacked / row["path"]).read_bytes()]
    }
    flagged = [("over_predicted_class", event, told[0][0]) for event, (_, _, told) in bodies.items()]
    results, place = world.results("compared-results", flagged), world.captured("compared", bodies)
    done = world.run(results, place, f"--dataset={attacked}", "--batch=4", stage="compare")
    assert done.status == 0, done.said
    return done


def test_originals_stand_beside_what_became_of_them(world: World, attacked: Path, compared: Done) -> None:
    assert len(compared.rows) == 6
    for row in compared.rows:
        original = decode((attacked / ORIGINALS / row["inference_id"]).read_bytes())
        assert np.array_equal(compared.picture(row["original_image"]), original)
        assert (row["original_class"], row["original_score"]) == (
            world.predict(original)[0],
            pytest.approx(world.predict(original)[1], abs=1e-4),
        )
        expected = fullgrad(world.network, world.input(original))
        np.testing.assert_allclose(
            compared.map(row["original_map"]), expected.saliency[0].numpy(), rtol=2e-3, atol=2e-3
        )


def test_the_sign_is_where_the_dataset_says(compared: Done) -> None:
    for row in compared.rows:
        saliency = compared.map(row["original_map"])
        assert row["region"] == "box"
        assert row["original_outside_share"] == pytest.approx(1 - saliency[6:30, 4:20].sum() / saliency.sum(), rel=1e-4)


def test_the_summary_says_which_way_the_shares_went(compared: Done) -> None:
    rows, summary = compared.rows, compared.summary
    differences = [row["outside_share"] - row["original_outside_share"] for row in rows]
    found = summary["outside_share"]["change"]
    half = 2.5706 * np.std(differences, ddof=1) / np.sqrt(6)  # Student's quantile for five degrees of freedom
    assert found["mean"] == pytest.approx(np.mean(differences))
    assert found["high"] - found["mean"] == pytest.approx(half, rel=0.002)
    expected = "up" if found["low"] > 0 else "down" if found["high"] < 0 else "neither"
    assert found["direction"] == expected
    assert f"({expected})" in compared.said
    assert summary["counts"]["compared"] == summary["counts"]["boxes"] == 6
    assert summary["largest_residual"] == max(max(r["residual"], r["original_residual"]) for r in rows)
    assert compared.metrics["outside_share_change_mean"] == found["mean"]


def test_at_most_so_many_are_explained_and_the_same_ones_again(world: World, compared: Done) -> None:
    options = ("--count=2", "--method=simple")
    first, again = (
        world.run(world.folder / "compared-results", world.folder / "compared", *options, out=out)
        for out in ("first", "again")
    )
    assert first.status == again.status == 0, first.said
    assert [row["event_id"] for row in first.rows] == [row["event_id"] for row in again.rows]
    assert first.summary["counts"]["chosen"] == len(first.rows) == 2
    files = [sorted(p.relative_to(d.folder) for p in d.folder.rglob("*") if p.is_file()) for d in (first, again)]
    assert files[0] == files[1]
    assert [(first.folder / f).read_bytes() for f in files[0]] == [(again.folder / f).read_bytes() for f in files[1]]


def test_nothing_flagged_gives_an_empty_folder(world: World) -> None:
    done = world.here(world.results("nothing", []), world.folder / "mixed")
    assert done.status == 0, done.said
    assert done.rows == []
    assert done.summary["outside_share"]["change"]["direction"] == "neither"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--end=2001-01-01"], "expected 7 flagged records in the window at"),
        (["--start=yesterday"], "--start: expected a time like"),
        (["--tolerance=1e-11"], "modules to look at"),
        (["--method=smoothest"], "invalid choice"),
        (["--endpoint=../x"], "expected a name of letters"),
    ],
)
def test_failing_it_says_why_and_leaves_nothing(
    world: World, mixed: Done, options: list[str], message: str, tmp_path: Path
) -> None:
    done = world.here(world.folder / "mixed-results", world.folder / "mixed", *options, out=str(tmp_path / "out"))
    assert done.status != 0
    assert message in done.said
    assert not done.folder.exists()
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_results_without_flagged_records_are_refused(world: World, tmp_path: Path) -> None:
    done = world.run(tmp_path, world.folder / "mixed", out=str(tmp_path / "out"))  # of the program, to its exit status
    assert done.status == 1
    assert "flagged.parquet: expected Parquet, found FileNotFoundError" in done.said


def test_a_map_of_zeros_has_nothing_outside() -> None:
    assert outside(np.zeros((4, 4), np.float32), region((4, 4), None)) == (0.0, 0.0, False)
