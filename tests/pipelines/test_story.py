"""Story A whole, on four classes: the monitor is calm, then it rings, and what it flagged is explained."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.small_story import PARAMETERS

ROOT = Path(__file__).resolve().parents[2]
STOP = 14

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Finished:
    """A run of the program ``roadworthy`` and what it left."""

    def __init__(self, folder: Path, pipeline: str, parameters: dict[str, object]) -> None:
        given = [word for name, value in parameters.items() for word in ("--param", f"{name}={value}")]
        self.program = subprocess.run(
            [sys.executable, "-m", "pipelines", "run", pipeline, *given],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=800,
            check=False,
        )
        assert self.program.returncode == 0, self.program.stderr[-4000:]
        self.folder = (folder / "runs" / "latest").resolve()
        self.summary = json.loads((self.folder / "summary.json").read_text())
        self.steps = {step["step"]: step for step in self.summary["steps"]}

    def value(self, step: str, name: str) -> object:
        return self.steps[step]["outputs"]["parameters"][name]

    def artifact(self, step: str, name: str) -> Path:
        return Path(self.steps[step]["outputs"]["artifacts"][name]["path"])

    def metrics(self, step: str) -> dict[str, float]:
        return self.steps[step]["outputs"]["artifacts"]["metrics"]["metadata"]

    def states(self) -> dict[str, str]:
        return {name: step["state"] for name, step in self.steps.items()}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return Finished(tmp_path_factory.mktemp("story"), "traffic_signs", PARAMETERS)


def test_a_clean_window_is_calm_and_the_attacked_one_names_the_class(story: Finished) -> None:
    assert story.value("check", "violated") is False
    assert str(story.value("check", "message")).startswith("Completed:")
    assert story.value("check-2", "violated") is True
    assert str(story.value("check-2", "message")).startswith("CompletedWithViolations:")
    found = json.loads((story.artifact("check-2", "results") / "constraint_violations.json").read_text())
    assert any(str(STOP) in one["description"] for one in found["violations"])


def test_what_was_flagged_is_explained_and_every_picture_adds_up(story: Finished) -> None:
    (step,) = (name for name in story.steps if name.endswith("compare"))
    summary = json.loads((story.artifact(step, "explanations") / "summary.json").read_text())
    assert summary["counts"]["explained"] > 0
    assert summary["largest_residual"] <= summary["tolerance"]


def test_the_page_is_there_and_the_endpoint_is_gone(story: Finished) -> None:
    states = story.states()
    assert "SUCCEEDED" in [state for name, state in states.items() if name.endswith("report")]
    assert "SKIPPED" in [state for name, state in states.items() if name.endswith("report-unexplained")]
    assert states["undeploy"] == "SUCCEEDED"
    page = next(story.folder.glob("*report-page.html")).read_text()
    assert "Stop" in page


def test_the_scheduled_half_finds_the_same_in_the_same_window(story: Finished, tmp_path: Path) -> None:
    window = {
        "place": story.folder / "captured",
        "archive": story.artifact("package", "archive"),
        "baseline": story.artifact("baseline", "baseline"),
        "endpoint": "traffic-signs-trial",
        "explained": 2,
    }
    attacked = {"start": story.value("replay-3", "start"), "end": story.value("replay-3", "end")}
    alarm = Finished(tmp_path, "monitoring", {**window, **attacked})
    assert alarm.value("check", "violated") is True
    assert alarm.metrics("check") == story.metrics("check-2")
    assert "SUCCEEDED" in [state for name, state in alarm.states().items() if name.endswith("incident")]
    calm = {"start": story.value("replay-2", "start"), "end": story.value("replay-2", "end")}
    quiet = Finished(tmp_path, "monitoring", {**window, **calm})
    assert quiet.value("check", "violated") is False
    assert "SKIPPED" in [state for name, state in quiet.states().items() if name.endswith("incident")]
