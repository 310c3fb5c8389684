"""What an overlay says reaches all that it should: images, settings, the GPU's profile."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

import kustomize  # noqa: E402
import pod_lint  # noqa: E402
from test_manifests import INSTALLATIONS, OVERLAYS  # noqa: E402

from pipelines.placement import GPU, PROFILES  # noqa: E402

G4DN = PROFILES["g4dn"]
IMAGES = ("torch", "detector", "analysis")


def images(documents: list[Any]) -> list[str]:
    """Every image of a build, pipelines' and KServe's among them."""
    found = [
        one["image"] for template in pod_lint.templates(documents) for _, one in pod_lint.containers(template.spec)
    ]
    steps = [step for one in documents if one["kind"] == "WorkflowTemplate" for step in one["spec"]["templates"]]
    return [*found, *(step["container"]["image"] for step in steps if "container" in step)]


def overlaid(tmp_path: Path, folder: str, **more: Any) -> list[Any]:
    """Builds an overlay over one of ours."""
    content = {"resources": [os.path.relpath(kustomize.MANIFESTS / folder, tmp_path)], **more}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return list(yaml.safe_load_all(kustomize.built(tmp_path)))


@pytest.mark.parametrize("folder", ["overlays/prod", "examples/kserve"])
def test_an_overlays_images_reach_every_container(folder, tmp_path):
    digest = f"sha256:{'1' * 64}"
    wanted = [{"name": f"roadworthy/{name}", "newName": f"mirror/{name}", "digest": digest} for name in IMAGES]
    ours = [one for one in images(overlaid(tmp_path, folder, images=wanted)) if "pushgateway" not in one]
    assert len(ours) == len([one for one in images(kustomize.objects(folder)) if "pushgateway" not in one])
    assert set(ours) <= {f"mirror/{name}@{digest}" for name in IMAGES}


@pytest.mark.parametrize("folder", [one for one in INSTALLATIONS if one != "examples/kfp"])
def test_settings_reach_all_that_they_say(folder, tmp_path):
    copy = tmp_path / "manifests"
    shutil.copytree(kustomize.MANIFESTS, copy)
    path = copy / folder / "settings.yaml"
    settings = yaml.safe_load(path.read_text())
    before = settings["data"]
    settings["data"] = {key: f"changed-{key}" for key in before}
    path.write_text(yaml.safe_dump(settings))
    text = kustomize.built(copy / folder)
    for key, value in before.items():
        assert not re.search(rf"(^|\s){re.escape(value)}(\s|$)", text), key
        assert f"changed-{key}" in text


@pytest.mark.parametrize("folder", OVERLAYS)
def test_settings_say_what_the_endpoint_captures_and_the_monitor_judges(folder):
    settings = yaml.safe_load((kustomize.MANIFESTS / folder / "settings.yaml").read_text())["data"]
    documents = kustomize.objects(folder)
    (parameters,) = [one for one in documents if one["metadata"]["name"] == "monitoring-parameters"]
    assert parameters["data"] == {
        "place": settings["captured"],
        "archive": settings["model"],
        "baseline": settings["baseline"],
    }


def test_endpoints_on_g4dn_are_placed_as_pipelines_are():
    (pod,) = [one.spec for one in pod_lint.templates(kustomize.objects("overlays/g4dn")) if is_endpoint(one)]
    (server,) = pod["containers"]
    assert pod["nodeSelector"] == dict(G4DN.node_selector)
    assert pod["tolerations"] == [dict(one) for one in G4DN.tolerations]
    assert server["resources"]["limits"] == {GPU: str(G4DN.gpus), "memory": G4DN.memory}
    assert server["resources"]["requests"] == {"cpu": G4DN.cpu, "memory": G4DN.memory}


def is_endpoint(template: pod_lint.Template) -> bool:
    return template.labels.get("app.kubernetes.io/component") == "endpoint"


def test_nothing_else_goes_to_a_gpu_node():
    for template in pod_lint.templates(kustomize.objects("overlays/g4dn")):
        if not is_endpoint(template):
            assert not {"nodeSelector", "tolerations"} & template.spec.keys(), template.owner


def test_a_step_is_on_a_gpu_node_if_and_only_if_it_has_a_gpu():
    steps = [
        step
        for one in kustomize.objects("overlays/g4dn")
        if one["kind"] == "WorkflowTemplate"
        for step in one["spec"]["templates"]
        if "container" in step
    ]
    gpus = [step for step in steps if GPU in step["container"].get("resources", {}).get("limits", {})]
    assert gpus
    for step in steps:
        on_gpu = step in gpus
        assert (step.get("nodeSelector") == dict(G4DN.node_selector)) == on_gpu, step["name"]
        assert ("tolerations" in step) == on_gpu, step["name"]


def test_the_pipelines_on_g4dn_are_what_the_compiler_says():
    python = ROOT / ".venvs" / "dev" / "bin" / "python"
    if not python.exists():
        pytest.skip("no .venvs/dev: expected it to compile pipelines")
    folder = kustomize.MANIFESTS / "components" / "gpu-g4dn" / "pipelines"
    options = ["--target", "argo", "--profile", "g4dn", "--output", str(folder), "--check"]
    command = [str(python), "-m", "pipelines", "compile", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr}"


def test_every_pipeline_is_in_the_builds():
    for target in ("argo", "kfp-k8s"):
        folder = kustomize.MANIFESTS / "pipelines" / target
        listed = yaml.safe_load((folder / "Kustomization").read_text())["resources"]
        assert sorted(listed) == sorted(path.name for path in folder.glob("*.yaml"))
