"""The stage as the program it is: a dataset and an archive in; attacked images, metrics and a robustness table out."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from components.adversarial.__main__ import stage, work
from components.adversarial.summary import confidence
from components.data import attacked
from components.data.dataset import read
from components.images import decode
from components.intervals import wilson
from components.serve.loading import Settings, load

ROOT = Path(__file__).resolve().parents[2]
COUNT = 14


def arguments(dataset: Path, archive: Path, out: Path, *more: str) -> list[str]:
    paths = [f"--adversarial={out / 'adversarial'}", f"--metrics={out / 'metrics'}"]
    given = [f"--count={COUNT}", "--target=2", "--batch=5", *more]
    return [f"--dataset={dataset}", f"--archive={archive}", *paths, *given]


class Done(NamedTuple):
    returncode: int
    stderr: str


def run(dataset: Path, archive: Path, out: Path, *more: str) -> Done:
    """Runs the program inside this process, which has torch already."""
    with redirect_stderr(io.StringIO()) as said:
        return Done(stage.main(work, arguments(dataset, archive, out, *more)), said.getvalue())


@pytest.fixture(scope="module")
def first(shapes: Path, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("first")
    artifacts = {n: {"artifacts": [{"name": n, "uri": str(out / n)}]} for n in ("adversarial", "metrics")}
    executor_input = {"outputs": {"artifacts": artifacts, "outputFile": str(out / "executor_output.json")}}
    more = ("--epsilons=4,16,64", "--robustness-count=12", "--executor-input", json.dumps(executor_input))
    command = [sys.executable, "-m", "components.adversarial", *arguments(shapes, archive, out, *more)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"deepfool: attacked {COUNT} of {COUNT} images" in done.stderr
    return out


def served(archive: Path, folder: Path, paths: list[str]) -> Any:
    """What the server's own runtime answers for the files."""
    runtime: Any = load(archive, Settings(threads=1, device="cpu")).model
    prepared = [runtime.prepare(decode((folder / path).read_bytes())) for path in paths]
    return runtime.predict(np.stack(prepared))


def test_the_folder_is_a_dataset_with_its_originals_and_a_row_for_each_image(first: Path, shapes: Path) -> None:
    made, originals, rows = attacked.verify(first / "adversarial")
    source = {row.path: row for row in read(shapes).rows}
    tried = [row for row in rows if not row.skipped]
    assert len(made.rows) == len(originals.rows) == len(tried) == COUNT
    for row, image in zip(sorted(tried, key=lambda r: r.path), made.rows, strict=True):
        assert (row.path, row.source_class) == (image.path, source[row.source_path].class_id)
        assert (image.width, image.height, image.split) == (32, 32, "test")
        # 5 of 44 and 40 pixels, 35 of the same, at 32 pixels, grown to whole ones.
        assert (image.x1, image.y1, image.x2, image.y2) == (3, 4, 26, 28)


def test_originals_are_the_sources_at_the_models_size(first: Path, shapes: Path, archive: Path) -> None:
    runtime: Any = load(archive, Settings(threads=1, device="cpu")).model
    _, originals, rows = attacked.verify(first / "adversarial")
    source = read(shapes)
    sources = {row.path: row for row in source.rows}
    files = {row.path: originals.read_bytes(row) for row in originals.rows}
    for row in rows:
        if not row.skipped:
            wanted = runtime.prepare(decode(source.read_bytes(sources[row.source_path])))
            np.testing.assert_array_equal(decode(files[row.path]), wanted)


def test_success_is_what_the_server_answers_for_the_png(first: Path, archive: Path) -> None:
    _, _, rows = attacked.verify(first / "adversarial")
    tried = [row for row in rows if not row.skipped]
    after = served(archive, first / "adversarial", [row.path for row in tried])
    before = served(archive, first / "adversarial" / attacked.ORIGINALS, [row.path for row in tried])
    assert after.argmax(1).tolist() == [row.predicted_after for row in tried]
    assert before.argmax(1).tolist() == [row.predicted_before for row in tried]
    np.testing.assert_allclose(after.max(1), [row.score_after for row in tried], atol=1e-4)
    np.testing.assert_allclose(before.max(1), [row.score_before for row in tried], atol=1e-4)
    assert [row.success for row in tried] == [row.predicted_after == 2 for row in tried]
    assert np.mean([row.success for row in tried]) >= 0.95


def test_lengths_are_those_of_the_files(first: Path) -> None:
    made, originals, rows = attacked.verify(first / "adversarial")
    told = {row.path: row for row in rows}
    for one, other in zip(made.rows, originals.rows, strict=True):
        change = (decode(made.read_bytes(one)).astype(float) - decode(originals.read_bytes(other))) / 255
        assert told[one.path].l2 == pytest.approx(np.linalg.norm(change))
        assert told[one.path].linf == pytest.approx(np.abs(change).max())


def test_images_that_want_nothing_are_skipped_and_counted(first: Path) -> None:
    _, _, rows = attacked.verify(first / "adversarial")
    skipped = [row for row in rows if row.skipped]
    assert skipped
    assert all(2 in (row.source_class, row.predicted_before) for row in skipped)
    assert not any(2 in (row.source_class, row.predicted_before) for row in rows if not row.skipped)
    assert all((row.path, row.steps, row.l2, row.success) == ("", 0, 0.0, False) for row in skipped)
    assert json.loads((first / "metrics").read_text())["skipped"] == len(skipped)


def test_metrics_are_what_the_rows_say(first: Path) -> None:
    metrics: Mapping[str, float] = json.loads((first / "metrics").read_text())
    _, _, rows = attacked.verify(first / "adversarial")
    done = [row for row in rows if row.success]
    assert (metrics["images"], metrics["succeeded"]) == (COUNT, len(done))
    low, high = wilson(len(done), COUNT)
    assert (metrics["success_rate_low"], metrics["success_rate_high"]) == (round(low, 6), round(high, 6))
    assert metrics["l2_median"] == pytest.approx(np.median([row.l2 for row in done]), abs=1e-5)
    assert metrics["confidence_clean"] == pytest.approx(np.mean([row.score_before for row in done]), abs=1e-5)
    assert metrics["confidence_attacked"] == pytest.approx(np.mean([row.score_after for row in done]), abs=1e-5)
    listed = json.loads((first / "executor_output.json").read_text())["artifacts"]
    assert listed["metrics"]["artifacts"][0]["metadata"] == metrics
    assert listed["adversarial"]["artifacts"][0]["metadata"]["attack"] == "deepfool"


def test_robust_accuracy_falls_with_the_radius_and_has_its_interval(first: Path) -> None:
    table = json.loads((first / "adversarial" / attacked.ROBUSTNESS).read_text())
    metrics = json.loads((first / "metrics").read_text())
    points = table["points"]
    assert [point["epsilon"] for point in points] == [0, 4, 16, 64]
    assert [point["right"] for point in points] == sorted((p["right"] for p in points), reverse=True)
    assert points[-1]["right"] < points[0]["right"]
    for point in points:
        name = f"robust_accuracy_eps_{point['epsilon']:g}"
        assert point["images"] == 12
        assert point["low"] <= point["right"] / 12 <= point["high"]
        shown = [metrics[name + end] for end in ("", "_low", "_high")]
        assert shown == [round(point[key], 6) for key in ("accuracy", "low", "high")]


def test_one_seed_gives_the_same_bytes_and_another_seed_others(shapes: Path, archive: Path, tmp_path: Path) -> None:
    few = ("--attack=pgd", "--epsilons=", "--steps=4")
    for name, seed in (("one", 7), ("again", 7), ("other", 8)):
        done = run(shapes, archive, tmp_path / name, f"--seed={seed}", *few)
        assert done.returncode == 0, done.stderr
    content = {
        name: {
            p.relative_to(tmp_path / name): p.read_bytes()
            for p in sorted((tmp_path / name / "adversarial").rglob("*"))
            if p.is_file()
        }
        for name in ("one", "again", "other")
    }
    assert content["one"] == content["again"] != content["other"]


def test_untargeted_an_image_leaves_its_own_class(shapes: Path, archive: Path, tmp_path: Path) -> None:
    done = run(shapes, archive, tmp_path, "--target=-1", "--epsilons=")
    assert done.returncode == 0, done.stderr
    _, _, rows = attacked.verify(tmp_path / "adversarial")
    assert {row.target for row in rows} == {-1}
    tried = [row for row in rows if not row.skipped]
    assert all(row.predicted_before == row.source_class for row in tried)
    assert [row.success for row in tried] == [row.predicted_after != row.source_class for row in tried]
    assert all(row.predicted_before != row.source_class for row in rows if row.skipped)


def test_a_ball_holds_every_image_of_the_folder(shapes: Path, archive: Path, tmp_path: Path) -> None:
    done = run(shapes, archive, tmp_path, "--attack=mi_fgsm", "--epsilon=9.5", "--epsilons=")
    assert done.returncode == 0, done.stderr
    _, _, rows = attacked.verify(tmp_path / "adversarial")
    assert all(row.linf * 255 <= 9 + 1e-9 for row in rows)  # whole levels alone can be in a file


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--target=3",), "expected a class from 0 to 2 or -1, found 3"),
        (("--split=nothing",), "expected a split among"),
        (("--attack=pgd", "--epsilon=0.5"), "expected a radius of at least 1/255"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(
    shapes: Path, archive: Path, tmp_path: Path, more: tuple[str, ...], told: str
) -> None:
    done = run(shapes, archive, tmp_path, *more)
    assert done.returncode == 1
    assert told in done.stderr.splitlines()[-1]
    assert not list(tmp_path.glob("*"))


def test_a_damaged_archive_is_refused(shapes: Path, archive: Path, tmp_path: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "model.tar.gz").write_bytes(content)
    done = run(shapes, tmp_path / "model.tar.gz", tmp_path / "out")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_the_confidence_says_which_way_it_went() -> None:
    def rows(*scores: tuple[float, float]) -> list[attacked.Attacked]:
        return [
            attacked.Attacked("p", "p", 0, 1, 0, before, 1, after, 1.0, 0.1, 3, True, False) for before, after in scores
        ]

    assert confidence(rows((0.9, 0.3), (0.8, 0.25), (0.95, 0.4)))["went"] == "down"
    assert confidence(rows((0.5, 0.9), (0.4, 0.85), (0.6, 0.9)))["went"] == "up"
    assert confidence(rows((0.5, 0.9), (0.9, 0.5), (0.6, 0.61)))["went"] == "neither"
    assert confidence(rows((0.5, 0.9)))["went"] == "neither"
    assert confidence([])["images"] == 0


def test_wilsons_interval_is_the_published_one() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (successes, trials), wanted in published.items():
        assert wilson(successes, trials) == pytest.approx(wanted, abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
