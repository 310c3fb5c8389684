"""The stage ``data`` as a program: paths in, dataset, page and ``executor_output.json`` out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from components.data.dataset import verify
from tests.data import gtsrb_copy as copy

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--classes=14,25", "--tracks-per-class=4", "--frames-per-track=2", "--seed=3")


def executor_input(folder: Path) -> dict[str, Any]:
    """What KFP puts in the place of ``{{$}}``."""
    kinds = {"dataset": "system.Dataset", "sheet": "system.HTML"}
    artifacts = {
        name: {"artifacts": [{"name": name, "uri": str(folder / name), "type": {"schemaTitle": kind}, "metadata": {}}]}
        for name, kind in kinds.items()
    }
    return {"outputs": {"artifacts": artifacts, "outputFile": str(folder / "executor_output.json")}}


def command(folder: Path, *arguments: str) -> list[str]:
    outputs = [f"--{name}={folder / name}" for name in ("dataset", "sheet")]
    given = f"--executor-input={json.dumps(executor_input(folder))}"
    return [sys.executable, "-m", "components.data", *arguments, *outputs, given]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(folder, *arguments), cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("rendered")
    return folder, run(folder, *SMALL)


def test_it_renders_a_dataset_and_its_page(rendered: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, done = rendered
    assert done.returncode == 0, done.stderr
    dataset = verify(folder / "dataset")
    assert dataset.counts == {"train": 4, "validation": 4, "test": 8} or sum(dataset.counts.values()) == 16
    assert {row.label for row in dataset.rows} == {"Stop", "Road work"}
    page = (folder / "sheet").read_text()
    assert page.count("<img ") == 16
    assert sorted(path.name for path in folder.iterdir()) == ["dataset", "executor_output.json", "sheet"]


def test_it_says_how_far_it_is_and_nothing_on_standard_output(
    rendered: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    _, done = rendered
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("rendered 16 of 16 images, in ")


def test_the_artifacts_are_listed_with_what_the_ui_shows(
    rendered: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = rendered
    listed = json.loads((folder / "executor_output.json").read_text())["artifacts"]
    assert sorted(listed) == ["dataset", "sheet"]
    found = listed["dataset"]["artifacts"][0]
    dataset = verify(folder / "dataset")
    assert found["metadata"] == {
        "source": "rendered",
        "seed": 3,
        "images": 16,
        "tracks": 8,
        "classes": 2,
        "digest": dataset.digest,
        **dataset.counts,
    }
    assert found["type"] == {"schemaTitle": "system.Dataset"}


def test_it_reads_the_real_benchmark_from_a_uri(tmp_path: Path) -> None:
    mirror = copy.official_zips(tmp_path / "a mirror")
    done = run(tmp_path / "out", f"--source={mirror.as_uri()}")
    assert done.returncode == 0, done.stderr
    dataset = verify(tmp_path / "out/dataset")
    assert dataset.name == "GTSRB"
    assert dataset.source == mirror.as_uri()
    assert len(dataset.split("test")) == copy.TEST_IMAGES


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--source=/nowhere/at/all"], 1, "data: file:///nowhere/at/all: expected GTSRB's folders or zip files"),
        (["--source=https://example.org/GTSRB"], 1, "data: expected file:///path, s3://bucket/key or a path"),
        (["--classes=43"], 2, "--classes: expected numbers from 0 to 42, found '43'"),
        (["--classes=Stop"], 2, "--classes: expected numbers from 0 to 42, found 'Stop'"),
        (["--tracks-per-class=-1"], 2, "--tracks-per-class: expected a whole number from 0"),
    ],
)
def test_a_wrong_argument_is_one_line_and_no_output(
    arguments: list[str], status: int, message: str, tmp_path: Path
) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == status
    assert message in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_when_it_is_stopped_it_leaves_nothing_and_its_workers_end(tmp_path: Path) -> None:
    arguments = command(tmp_path, "--tracks-per-class=1000")
    with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True) as stage:
        assert stage.stderr
        assert "rendered" in stage.stderr.readline()
        stage.send_signal(signal.SIGTERM)
        assert stage.wait(30) == 128 + signal.SIGTERM
        assert list(tmp_path.iterdir()) == []
        wait_until_gone(stage.pid)


def wait_until_gone(group: int) -> None:
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("expected the workers to end with their parent, found some alive")
