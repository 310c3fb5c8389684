"""The files for KFP: valid in every field, the platform's document in them, a version's name made of its content."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import argo_probes
import kfp_lint
import pipeline_probes as probes
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from kfp import compiler
from kfp.compiler.compiler_utils import KubernetesManifestOptions

from components.errors import UnsupportedError
from components.serve.deploy.kubernetes.placement import Placement
from pipelines import cli, placement, registry
from pipelines.targets import kfp, kfp_native

HERE, ROOT = Path(__file__).parent, Path(__file__).resolve().parents[2]
GOLDENS = ROOT / "manifests" / "pipelines"
WRONG = sorted((HERE / "kfp_wrong").glob("*.yaml"))
G4DN = placement.PROFILES["g4dn"]
NAMES = sorted(registry.entries())


def compiled(name: str, profile: Placement = G4DN) -> list[Any]:
    return kfp.compiled(registry.find(name, registry.entries()), profile)


@pytest.fixture(scope="module")
def signs() -> list[Any]:
    return list(yaml.safe_load_all(kfp_native.text(kfp_native.compiled(compiled("traffic-signs")))))


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_is_valid(name):
    assert list(kfp_lint.objects(list(yaml.safe_load_all((GOLDENS / "kfp-k8s" / f"{name}.yaml").read_text())))) == []
    assert list(kfp_lint.documents(kfp_lint.uploaded((GOLDENS / "kfp" / f"{name}.yaml").read_text()))) == []


@pytest.mark.parametrize("profile", sorted(placement.PROFILES))
@pytest.mark.parametrize("name", NAMES)
def test_a_pipeline_is_valid_under_each_profile(name, profile):
    content = compiled(name, placement.PROFILES[profile])
    assert list(kfp_lint.documents(kfp_lint.uploaded(kfp.text(content)))) == []
    assert list(kfp_lint.objects(list(yaml.safe_load_all(kfp_native.text(kfp_native.compiled(content)))))) == []


def test_every_probe_is_valid_or_refused_by_its_step():
    refused = {}
    for module in (probes, argo_probes):
        for name, pipeline in vars(module).items():
            if type(pipeline).__name__ != "GraphComponent":
                continue
            try:
                found = kfp_native.compiled(kfp.compiled(pipeline))
            except UnsupportedError as error:
                refused[name] = str(error).partition(":")[0]
            else:
                assert list(kfp_lint.objects(found)) == [], name
    assert refused == {"two_loops_in_one_text": "step 'emit'", "two_fields_in_one_text": "step 'for-loop-1'"}


def test_there_is_a_golden_for_each_pipeline_and_target():
    for target in ("kfp", "kfp-k8s", "argo"):
        assert sorted(path.stem for path in (GOLDENS / target).glob("*.yaml")) == NAMES


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_a_wrong_sample_is_caught(path, signs):
    sample = yaml.safe_load(path.read_text())
    found = copy.deepcopy(signs)
    assert list(kfp_lint.objects(found)) == []
    for where, value in sample["set"].items():
        *way, last = where.split(".")
        place: Any = found
        for key in way:
            place = place[int(key)] if isinstance(place, list) else place[key]
        if value is None:
            del place[last]
        else:
            place[last] = value
    problems = list(kfp_lint.objects(found))
    assert [one for one in problems if sample["expected"] in one], problems


def selectors(content: list[Any]) -> dict[str, Any]:
    executors = content[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return {label: one["nodeSelector"]["labels"] for label, one in executors.items() if "nodeSelector" in one}


def test_what_the_ui_reads_from_the_uploaded_file_is_on_its_nodes():
    text = kfp.text(compiled("traffic-signs"))
    wanted = {"node.kubernetes.io/instance-type": "g4dn.xlarge"}
    found = selectors(kfp_lint.uploaded(text))
    assert {"exec-fine-tune", "exec-adversarial", "exec-compare"} <= set(found)
    assert all(labels == wanted for labels in found.values())


def test_what_is_read_back_from_the_version_is_what_was_uploaded(signs):
    version = signs[1]["spec"]
    assert [version["pipelineSpec"], version["platformSpec"]] == kfp_lint.uploaded(kfp.text(compiled("traffic-signs")))


def test_a_pipeline_without_placement_has_no_platform():
    assert "platformSpec" not in kfp_native.compiled(kfp.compiled(probes.many_params))[1]["spec"]


def test_the_specs_are_those_that_kfps_own_compiler_writes(tmp_path):
    options = KubernetesManifestOptions(
        pipeline_name="placed",
        pipeline_version_name="v",
        pipeline_version_display_name="v",
        include_pipeline_manifest=True,
    )
    file = tmp_path / "theirs.yaml"
    compiler.Compiler().compile(
        argo_probes.placed, str(file), kubernetes_manifest_format=True, kubernetes_manifest_options=options
    )
    theirs = list(yaml.safe_load_all(file.read_text()))
    ours = kfp_native.compiled(kfp.compiled(argo_probes.placed))
    assert [(one["apiVersion"], one["kind"]) for one in theirs] == [(one["apiVersion"], one["kind"]) for one in ours]
    assert ours[0]["metadata"]["name"] == theirs[0]["metadata"]["name"]
    for key in ("pipelineName", "pipelineSpec", "platformSpec"):
        assert json.loads(json.dumps(ours[1]["spec"][key])) == theirs[1]["spec"][key]


def test_a_version_is_another_when_either_document_is(signs):
    content = compiled("traffic-signs")
    names = {kfp_native.version(content)}
    for number in (0, 1):
        changed = copy.deepcopy(content)
        if number:
            executors = changed[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
            executors["exec-fine-tune"]["nodeSelector"]["labels"] = {"a": "b"}
        else:
            changed[0]["root"]["inputDefinitions"]["parameters"]["seed"]["defaultValue"] = 1.0
        names.add(kfp_native.version(changed))
    names.add(kfp_native.version(content[:1]))
    assert len(names) == 4
    assert kfp_native.version(copy.deepcopy(content)) in names


def reordered(value: Any, draw: Any) -> Any:
    if isinstance(value, dict):
        return {key: reordered(value[key], draw) for key in draw(st.permutations(list(value)))}
    return [reordered(one, draw) for one in value] if isinstance(value, list) else value


@settings(max_examples=10)
@given(st.data())
def test_a_version_does_not_depend_on_the_order_of_keys(data):
    content = kfp.compiled(argo_probes.placed)
    assert kfp_native.version(reordered(content, data.draw)) == kfp_native.version(content)


@pytest.mark.parametrize("name", ["Signs", "a" * 64, "a_b", "-a", "a."])
def test_a_name_that_kfp_would_refuse_is_refused_here(name):
    content = kfp.compiled(probes.many_params)
    content[0]["pipelineInfo"]["name"] = name
    with pytest.raises(UnsupportedError, match="a pipeline's name of at most 63"):
        kfp_native.compiled(content)


def test_a_volume_of_a_cluster_compiles_for_every_target(tmp_path):
    assert cli.main(["compile", "pipeline_probes:volume", "--target", "all", "--output", str(tmp_path)]) == 0
    for target in ("kfp", "kfp-k8s"):
        assert "pvcMount" in (tmp_path / target / "volume.yaml").read_text()
    assert "persistentVolumeClaim" in (tmp_path / "argo" / "volume.yaml").read_text()
