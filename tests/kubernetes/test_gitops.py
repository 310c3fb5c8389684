"""Argo CD and Flux are pointed at folders that build, and the repository's address is all that is left to say."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import kustomize  # noqa: E402
import object_schemas  # noqa: E402
import spoilt  # noqa: E402

FOLDERS = ("gitops/argocd", "gitops/flux")
WRONG = sorted((HERE / "gitops_wrong").glob("*.yaml"))
PLACEHOLDER = "https://git.example.com/REPLACE-ME/roadworthy.git"


def of(folder: str, kind: str) -> dict[str, object]:
    """The specifications of a kind, by name."""
    return {one["metadata"]["name"]: one["spec"] for one in kustomize.objects(folder) if one["kind"] == kind}


def path(spec: object) -> str:
    """The folder below manifests/ that an Application or a Kustomization of Flux's applies."""
    found = spec.get("source", spec)["path"].removeprefix("./")
    assert found.startswith("manifests/")
    return found.removeprefix("manifests/")


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_objects_are_valid(folder):
    problems = [problem for one in kustomize.objects(folder) for problem in object_schemas.problems(one)]
    assert problems == []


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_a_wrong_sample_is_caught(path):
    sample = yaml.safe_load(path.read_text())
    documents = spoilt.spoilt(copy.deepcopy(kustomize.objects(sample["folder"])), sample)
    found = [problem for one in documents for problem in object_schemas.problems(one)]
    assert [problem for problem in found if sample["expected"] in problem], found


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_address_stands_in_one_place_and_nothing_else_is_to_be_replaced(folder):
    texts = [file.read_text() for file in (kustomize.MANIFESTS / folder).glob("*.yaml")]
    assert sum(text.count("REPLACE-ME") for text in texts) == 1
    assert sum(text.count(PLACEHOLDER) for text in texts) == 1
    built = kustomize.text(folder)
    assert built.count("REPLACE-ME") == built.count(PLACEHOLDER) >= 1
    assert "see repository.yaml" not in built


@pytest.mark.parametrize("kind", ["Application", "Kustomization"])
def test_what_is_pointed_at_builds(kind):
    for spec in {**of("gitops/argocd", kind), **of("gitops/flux", kind)}.values():
        assert kustomize.objects(path(spec))


def test_argo_cd_keeps_the_cluster_as_the_repository_says():
    for spec in of("gitops/argocd", "Application").values():
        assert spec["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}


def test_argo_cds_project_allows_all_that_its_applications_hold_and_nothing_outside():
    (project,) = of("gitops/argocd", "AppProject").values()
    allowed = {(one["group"], one["kind"]) for key in project if key.endswith("Whitelist") for one in project[key]}
    for spec in of("gitops/argocd", "Application").values():
        assert spec["destination"] in project["destinations"]
        assert [spec["source"]["repoURL"]] == project["sourceRepos"]
    for folder in ("cluster", "overlays/kind", "overlays/g4dn", "overlays/prod", "examples/kserve"):
        for one in kustomize.objects(folder):
            group = one["apiVersion"].rpartition("/")[0]
            assert (group, one["kind"]) in allowed


def test_flux_waits_for_what_comes_before_and_for_what_must_run():
    found = of("gitops/flux", "Kustomization")
    sources = of("gitops/flux", "GitRepository")
    for spec in found.values():
        assert spec["prune"] is True
        assert {"interval", "retryInterval", "timeout"} <= spec.keys()
        assert spec["sourceRef"]["name"] in sources
        assert {one["name"] for one in spec.get("dependsOn", [])} <= found.keys()
        there = {(one["kind"], one["metadata"]["name"]) for one in kustomize.objects(path(spec))}
        assert {(one["kind"], one["name"]) for one in spec.get("healthChecks", [])} <= there
        assert spec.get("wait", False) or spec["healthChecks"]
    assert found["roadworthy"]["dependsOn"] == [{"name": "roadworthy-cluster"}]
