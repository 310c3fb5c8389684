"""Story A from its Argo manifests: the workflow and the scheduled check, run by the simulator to their reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from argo_simulator import Node, Simulator

from tests.small_story import PARAMETERS

ROOT = Path(__file__).resolve().parents[2]
ARGO = ROOT / "manifests" / "pipelines" / "argo"
SMALL = {name: str(value) for name, value in PARAMETERS.items()}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Told:
    """A workflow that the simulator ran."""

    def __init__(self, pipeline: str, folder: Path, given: dict[str, str]) -> None:
        manifest = next(yaml.safe_load_all((ARGO / f"{pipeline}.yaml").read_text()))
        self.simulator = Simulator(manifest, folder, {})
        self.outcome = self.simulator.submit(**given)
        self.steps = {path[-1]: node for path, node in self.simulator.nodes.items() if path}

    def logs(self) -> str:
        ran = [node for node in self.steps.values() if node.folder and node.phase != "Succeeded"]
        return "\n".join((node.folder / "log.txt").read_text() for node in ran if node.folder)

    def artifact(self, step: str, name: str) -> Path:
        return self.simulator.bucket / self.steps[step].artifacts[name]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("cluster")
    return Told("traffic-signs", folder, {**SMALL, "pipeline-root": str(folder / "runs")})


def phases(told: Told) -> dict[str, str]:
    return {name: node.phase for name, node in told.steps.items()}


def test_every_step_ran_but_the_branch_not_taken(story: Told) -> None:
    assert story.outcome.phase == "Succeeded", story.logs()
    others = {name: phase for name, phase in phases(story).items() if phase != "Succeeded"}
    assert others == {"condition-4": "Skipped"}


def test_the_clean_window_is_calm_and_the_attacked_one_is_not(story: Told) -> None:
    assert story.steps["check"].parameters["violated"] == "false"
    assert story.steps["check-2"].parameters["violated"] == "true"
    assert story.steps["check-2"].parameters["message"].startswith("CompletedWithViolations:")


def test_the_report_shows_what_was_flagged_and_the_endpoint_is_gone(story: Told) -> None:
    pages = [node for name, node in story.steps.items() if name == "report" and node.phase == "Succeeded"]
    assert "Stop" in (story.simulator.bucket / pages[0].artifacts["page"]).read_text()
    assert story.simulator.nodes["undeploy",].phase == "Succeeded"
    metadata = json.loads(story.artifact("fine-tune", "executor-output").read_text())
    assert metadata["artifacts"]["metrics"]["artifacts"][0]["metadata"]


def test_the_scheduled_check_finds_the_same_in_the_same_window(story: Told, tmp_path: Path) -> None:
    window = {
        "place": str(story.simulator.folder / "runs" / story.simulator.name / "captured"),
        "archive": str(story.artifact("package", "archive")),
        "baseline": str(story.artifact("baseline", "baseline")),
        "endpoint": "traffic-signs-trial",
        "explained": "2",
    }
    sent: Node = story.steps["replay-3"]
    given = {**window, "start": sent.parameters["start"], "end": sent.parameters["end"]}
    alarm = Told("monitoring", tmp_path / "alarm", given)
    assert alarm.outcome.phase == "Succeeded", alarm.logs()
    assert alarm.steps["check"].parameters["message"] == story.steps["check-2"].parameters["message"]
    assert alarm.steps["incident"].phase == "Succeeded"
    sent = story.steps["replay-2"]
    quiet = Told(
        "monitoring", tmp_path / "quiet", {**window, "start": sent.parameters["start"], "end": sent.parameters["end"]}
    )
    assert quiet.steps["condition-1"].phase == "Skipped"
