"""Profiles: where the steps run that gain by a GPU, through the compiled files."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from components.errors import InputError
from components.serve.deploy.kubernetes.placement import Placement
from pipelines import cli, placement
from pipelines.placement import PROFILES
from pipelines.targets import documents

ACCELERATED = {
    "traffic-signs": {"exec-adversarial", "exec-compare", "exec-fine-tune"},
    "monitoring": {"exec-explain"},
}


def compiled(folder: Path, name: str, *options: str) -> list[Any]:
    assert cli.main(["compile", name, "--output", str(folder), *options]) == 0
    return documents.load_file(folder / f"{name}.yaml")


def executors(content: list[Any]) -> dict[str, Any]:
    return content[0]["deploymentSpec"]["executors"]


def placements(content: list[Any]) -> dict[str, Any]:
    """Returns what is said of where steps run; that each finds the object store is another matter."""
    found = content[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    said = {label: {key: value for key, value in one.items() if key != "secretAsEnv"} for label, one in found.items()}
    return {label: one for label, one in said.items() if one}


@pytest.mark.parametrize("name", ACCELERATED)
def test_the_steps_that_gain_by_a_gpu_and_only_they_are_placed(name: str, tmp_path: Path) -> None:
    content = compiled(tmp_path, name, "--profile", "g4dn")
    placed = placements(content)
    assert set(placed) == ACCELERATED[name]
    for label, one in placed.items():
        assert one["nodeSelector"] == {"labels": {"node.kubernetes.io/instance-type": "g4dn.xlarge"}}
        assert one["tolerations"] == [{"effect": "NoSchedule", "key": "nvidia.com/gpu", "operator": "Exists"}]
        asked = executors(content)[label]["container"]["resources"]
        assert (asked["accelerator"]["resourceType"], asked["accelerator"]["resourceCount"]) == ("nvidia.com/gpu", "1")
        assert asked["resourceMemoryLimit"] == "14G"
    assert not [
        label
        for label, one in executors(content).items()
        if "resources" in one.get("container", {}) and label not in ACCELERATED[name]
    ]


@pytest.mark.parametrize("name", ["traffic-signs", "detection"])
def test_an_endpoint_gets_the_profile_and_the_step_that_deploys_it_does_not(name: str, tmp_path: Path) -> None:
    content = compiled(tmp_path, name, "--profile", "g4dn")
    (dag,) = (
        one["dag"] for one in content[0]["components"].values() if "deploy" in str(one.get("dag", {}).get("tasks"))
    )
    (task,) = (one for key, one in dag["tasks"].items() if key.startswith("deploy"))
    given = task["inputs"]["parameters"]["placement"]["runtimeValue"]["constant"]
    assert json.loads(given) == json.loads(json.dumps(asdict(PROFILES["g4dn"])))
    placed = placements(content)
    assert not [label for label in placed if "deploy" in label]


@pytest.mark.parametrize("name", ["traffic-signs", "detection"])
def test_what_deploys_and_what_removes_agree_on_what_and_where(name: str, tmp_path: Path) -> None:
    content = compiled(tmp_path, name)
    tasks = {
        key: one
        for dag in (content[0]["root"]["dag"], *(one.get("dag", {}) for one in content[0]["components"].values()))
        for key, one in dag.get("tasks", {}).items()
        if "deploy" in key
    }
    assert len(tasks) == 2
    shared = ("name", "state", "target", "namespace")
    said = [
        {key: str(one["inputs"]["parameters"][key]).replace("pipelinechannel--", "") for key in shared}
        for one in tasks.values()
    ]
    assert said[0] == said[1]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_gives_a_file_that_runs_here_too(profile: str, tmp_path: Path) -> None:
    content = compiled(tmp_path, "monitoring", "--profile", profile)
    assert cli.main(["run", str(tmp_path / "monitoring.yaml"), "--dry-run", *_needed(content)]) == 0


def _needed(content: list[Any]) -> list[str]:
    """Returns the parameters that the pipeline has no default for."""
    inputs = content[0]["root"]["inputDefinitions"]["parameters"]
    needed = [name for name, one in inputs.items() if "defaultValue" not in one and not one.get("isOptional")]
    return [part for name in needed for part in ("--param", f"{name}=file:///there")]


def test_without_a_gpu_nothing_is_placed(tmp_path: Path) -> None:
    assert placements(compiled(tmp_path, "traffic-signs", "--profile", "cpu")) == {}


def test_a_users_profile_stands_beside_the_built_in_ones(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "a10g:\n  node_selector: {pool: gpu}\n  gpus: 2\n"
        "  tolerations: [{key: nvidia.com/gpu, operator: Equal, value: 'yes', effect: NoExecute}]\n"
    )
    content = compiled(tmp_path, "monitoring", "--profile", "a10g", "--profiles", str(mine))
    (placed,) = placements(content).values()
    assert placed["nodeSelector"] == {"labels": {"pool": "gpu"}}
    assert placed["tolerations"][0]["value"] == "yes"
    assert executors(content)["exec-explain"]["container"]["resources"]["accelerator"]["resourceCount"] == "2"
    assert set(placement.profiles(mine)) == {*PROFILES, "a10g"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: {node_selector: {gpu: true}}", "a: node_selector: expected labels and values as texts"),
        ("a: {node_selector: {gpu: ''}}", "texts that are not empty"),
        ("a: {node_selector: [gpu]}", "node_selector: expected labels"),
        ("a: {gpus: 1}", "expected one of them with gpus, found neither"),
        ("a: {gpus: 0.5, node_selector: {a: b}}", "gpus: expected a whole number"),
        ("a: {gpus: '1', node_selector: {a: b}}", "gpus: expected a whole number"),
        ("a: {memory: 14}", "memory: expected a quantity as Kubernetes writes it"),
        ("a: {tolerations: nvidia}", "tolerations: expected a list"),
        ("a: {tolerations: [{taint: b}]}", "tolerations: expected objects of"),
        ("a: {nodeSelector: {a: b}}", "expected some of node_selector, .* found nodeSelector"),
        ("a: 1", "expected profiles by name"),
        ("[]", "expected profiles by name"),
    ],
)
def test_a_profile_without_sense_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InputError, match=said):
        placement.profiles(tmp_path / "mine.yaml")


def test_an_unknown_profile_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compile", "--profile", "p3", "--output", str(tmp_path)]) == 2
    assert "expected a profile among cpu, g4dn, gpu-any, t4-gke, found 'p3'" in capsys.readouterr().err


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InputError, match=r"gpus: .*; cpu: .*"):
        Placement(gpus=-1, cpu=3)  # type: ignore[arg-type]
