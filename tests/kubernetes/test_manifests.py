"""What ``kubectl apply -k`` would send is valid, and every rule that says so catches its wrong sample."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

import kustomize  # noqa: E402
import manifest_lint  # noqa: E402
import pod_lint  # noqa: E402
import spoilt  # noqa: E402

from components.serve.deploy.kubernetes import cluster  # noqa: E402

SOUND = HERE / "manifests_sound.yaml"
WRONG = sorted((HERE / "manifests_wrong").glob("*.yaml"))
OVERLAYS = ("overlays/g4dn", "overlays/kind", "overlays/prod")
EXAMPLES = ("examples/kfp", "examples/kserve", "examples/serving-only")
INSTALLATIONS = (*OVERLAYS, *EXAMPLES)
CLUSTER = {"Namespace", "PriorityClass"}


@cache
def exported() -> dict[str, dict[str, list[str]]]:
    """What the programs export, from the environment that they run in."""
    python = ROOT / ".venvs" / "torch" / "bin" / "python"
    if not python.exists():
        pytest.skip("no .venvs/torch: expected it to ask the server for its metrics")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([python, HERE / "exported_metrics.py"], capture_output=True, check=True, env=environment)
    return json.loads(done.stdout)


@cache
def sound() -> str:
    """The sound installation as JSON, which is read in no time."""
    return json.dumps(list(yaml.safe_load_all(SOUND.read_text())))


def test_the_sound_sample_is_sound():
    assert manifest_lint.problems(json.loads(sound()), [], exported()) == []


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_a_wrong_sample_is_caught(path):
    sample = yaml.safe_load(path.read_text())
    found = manifest_lint.problems(spoilt.spoilt(json.loads(sound()), sample), [], exported())
    assert [problem for problem in found if sample["expected"] in problem], found


@pytest.mark.parametrize("folder", ["cluster", *INSTALLATIONS])
def test_a_build_is_valid_and_leads_nowhere_wrong(folder):
    documents = kustomize.objects(folder)
    assert documents
    assert manifest_lint.problems(documents, kustomize.objects("cluster"), exported()) == []


@pytest.mark.parametrize("folder", ["cluster", *OVERLAYS])
def test_a_build_gives_the_same_bytes_each_time(folder):
    assert kustomize.built(kustomize.MANIFESTS / folder) == kustomize.text(folder)


def test_every_component_is_in_some_build():
    used = set()
    for path in (
        *kustomize.MANIFESTS.glob("overlays/*/kustomization.yaml"),
        *kustomize.MANIFESTS.glob("examples/*/k*"),
    ):
        for one in yaml.safe_load(path.read_text()).get("components", []):
            used.add((path.parent / one).resolve())
    assert used == {path.parent for path in kustomize.MANIFESTS.glob("components/**/kustomization.yaml")}


def test_what_an_administrator_applies_is_all_that_is_not_namespaced():
    assert {one["kind"] for one in kustomize.objects("cluster")} == CLUSTER
    for folder in INSTALLATIONS:
        documents = kustomize.objects(folder)
        assert not CLUSTER & {one["kind"] for one in documents}
        assert {one["metadata"].get("namespace") for one in documents} == {
            "kubeflow" if folder == "examples/kfp" else "roadworthy"
        }


def test_the_namespace_enforces_restricted_pods():
    (namespace,) = [one for one in kustomize.objects("cluster") if one["kind"] == "Namespace"]
    for mode in ("enforce", "audit", "warn"):
        assert namespace["metadata"]["labels"][f"pod-security.kubernetes.io/{mode}"] == "restricted"


@pytest.mark.parametrize("folder", INSTALLATIONS)
def test_no_secret_and_no_settings_are_applied(folder):
    names = {(one["kind"], one["metadata"]["name"]) for one in kustomize.objects(folder)}
    assert not {kind for kind, _ in names} & {"Secret"}
    assert ("ConfigMap", "settings") not in names


def test_the_monitor_pushes_to_a_service_that_is_there():
    documents = kustomize.objects("overlays/prod")
    (cron,) = [one for one in documents if one["kind"] == "CronWorkflow"]
    parameters = {one["name"]: one.get("value") for one in cron["spec"]["workflowSpec"]["arguments"]["parameters"]}
    services = [one["metadata"]["name"] for one in documents if one["kind"] == "Service"]
    assert parameters["gateway"] in [f"http://{name}" for name in services]


def test_pods_get_no_rights_but_pipelines():
    for folder in INSTALLATIONS:
        for one in kustomize.objects(folder):
            if one["kind"] == "RoleBinding":
                assert [subject["name"] for subject in one["subjects"]] == ["roadworthy-pipelines"]
        accounts = {one.spec.get("serviceAccountName") for one in pod_lint.templates(kustomize.objects(folder))}
        assert "roadworthy-pipelines" not in accounts


def test_pipelines_may_write_the_kinds_that_deploy_applies_and_look_at_pods():
    (role,) = [
        one
        for one in kustomize.objects("overlays/prod")
        if one["metadata"]["name"] == "endpoint-deployer" and one["kind"] == "Role"
    ]
    given = {
        (group, what): one["verbs"] for one in role["rules"] for group in one["apiGroups"] for what in one["resources"]
    }
    written = ["get", "create", "patch", "delete"]
    kinds = cluster._KINDS.items()
    assert given == {
        (group, plural): ["get", "list"] if kind == "Pod" else written for kind, (group, _, plural) in kinds
    }


def test_the_readme_names_the_secrets_keys_and_every_folder():
    text = (kustomize.MANIFESTS / "README.md").read_text()
    read = (ROOT / "components" / "storage" / "s3.py").read_text()
    keys = set(re.findall(r"`((?:AWS|ROADWORTHY)_\w+)`", text))
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= keys
    assert all(f'"{key}"' in read for key in keys)
    folders = {path.name for path in kustomize.MANIFESTS.iterdir() if path.is_dir()}
    assert folders == set(re.findall(r"^\| `(\w+)/` \|", text, re.MULTILINE))
