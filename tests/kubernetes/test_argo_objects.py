"""Every Argo object of the repository is valid, and every rule that says so catches its wrong sample."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import argo_lint  # noqa: E402
import argo_objects  # noqa: E402

SOUND = HERE / "argo_sound.yaml"
WRONG = sorted((HERE / "argo_wrong").glob("*.yaml"))
GOLDENS = sorted((HERE.parents[1] / "manifests" / "pipelines" / "argo").glob("*.yaml"))


def changed(documents: list[Any], path: str, value: Any) -> None:
    """Sets what lies at a path, ``0.spec.templates.1.name``; None takes it away."""
    *way, last = path.split(".")
    place: Any = documents
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if isinstance(place, list):
        place[int(last) :] = [value, *place[int(last) + 1 :]]
    elif value is None:
        del place[last]
    else:
        place[last] = value


@pytest.mark.parametrize("path", [SOUND, *GOLDENS], ids=lambda path: path.stem)
def test_an_object_of_ours_is_valid(path):
    assert argo_objects.problems(path) == []


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_a_wrong_sample_is_caught(path, tmp_path):
    sample = yaml.safe_load(path.read_text())
    documents = list(yaml.safe_load_all(SOUND.read_text()))
    for key, value in sample["set"].items():
        changed(documents, key, value)
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    assert [problem for problem in argo_objects.problems(file) if sample["expected"] in problem]


def test_an_object_over_etcds_limit_is_caught():
    documents = list(yaml.safe_load_all(SOUND.read_text()))
    documents[0]["metadata"]["annotations"] = {"long": "x" * argo_lint.LIMIT}
    assert any("over 1000000 bytes" in problem for problem in argo_lint.problems(documents))


def test_there_are_manifests_to_hold_against_the_rules():
    assert {"monitoring", "traffic-signs"} <= {path.stem for path in GOLDENS}
