"""Where a step runs and what it sees on a cluster: all of it arrives in the pod, or is refused by the step's name."""

from __future__ import annotations

import copy

import argo_probes
import pipeline_probes as probes
import pytest
import yaml

from components.errors import UnsupportedError
from pipelines import placement, traffic_signs
from pipelines.targets import argo, kfp


def template(manifest, name):
    return next(one for one in manifest["spec"]["templates"] if one["name"] == name)


@pytest.fixture(scope="module")
def content():
    return kfp.compiled(argo_probes.placed)


def test_everything_that_a_step_asks_for_arrives(content):
    manifest = argo.workflow_template(content)
    step = template(manifest, "say-all")
    container = step["container"]
    assert container["resources"] == {
        "requests": {"cpu": "3", "memory": "12G"},
        "limits": {"cpu": "4", "memory": "14G", "nvidia.com/gpu": "1"},
    }
    assert step["nodeSelector"] == {"node.kubernetes.io/instance-type": "g4dn.xlarge"}
    assert step["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 30}
    ]
    assert step["metadata"] == {"labels": {"team": "signs"}, "annotations": {"why": "probe"}}
    assert step["activeDeadlineSeconds"] == 600
    assert step["retryStrategy"] == {
        "limit": "2",
        "retryPolicy": "Always",
        "backoff": {"duration": "10s", "factor": "3", "cap": "60s"},
    }
    assert container["imagePullPolicy"] == "Always"
    assert manifest["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert container["env"] == [
        {"name": "LEVEL", "value": "$$(HOME)"},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "key", "optional": False}}},
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "a", "optional": True}}},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "HOME", "value": "/tmp"},
    ]
    volumes = {one.pop("name"): one for one in copy.deepcopy(step["volumes"])}
    places = {one["mountPath"]: one for one in container["volumeMounts"]}
    assert set(places) == {"/roadworthy/out", "/tmp", "/models", "/keys", "/settings", "/dev/shm"}
    assert places["/models"]["subPath"] == "signs"
    assert volumes[places["/models"]["name"]] == {"persistentVolumeClaim": {"claimName": "models"}}
    assert volumes[places["/keys"]["name"]] == {"secret": {"secretName": "keys", "optional": False}}
    assert volumes[places["/settings"]["name"]] == {"configMap": {"name": "settings", "optional": False}}
    assert volumes[places["/dev/shm"]["name"]] == {"emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}}


def test_a_step_may_choose_its_user_but_not_less_security(content):
    step = template(argo.workflow_template(content), "say-all")
    assert step["container"]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsUser": 1001,
        "runAsGroup": 1002,
    }


def test_a_step_beside_it_gets_none_of_it(content):
    step = template(argo.workflow_template(content), "emit")
    assert set(step) == {"name", "inputs", "outputs", "container", "metrics"}
    assert "resources" not in step["container"]


def test_a_claim_that_one_machine_cannot_mount_is_mounted():
    step = template(argo.workflow_template(kfp.compiled(probes.volume)), "emit")
    assert {"name": "claim-0", "mountPath": "/models"} in step["container"]["volumeMounts"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("nodeAffinity", [{"matchExpressions": []}], "nodeAffinity"),
        ("podAffinity", [{}], "podAffinity"),
        ("genericEphemeralVolume", [{}], "genericEphemeralVolume"),
        ("surprise", 1, "surprise"),
        ("securityContext", {"runAsUser": "0"}, "other than root"),
        ("securityContext", {"runAsNonRoot": False}, "other than root"),
        ("securityContext", {"privileged": True}, "privileged"),
        ("nodeSelector", {"nodeSelectorJson": {}}, "nodeSelectorJson"),
        ("nodeSelector", {"labels": {"a": "{{workflow.name}}"}}, "without {{"),
        ("podMetadata", {"labels": {"a": "{{=1}}"}}, "without {{"),
        ("nodeSelector", {}, "not empty"),
        ("nodeSelector", {"labels": {"gpu": True}}, "not empty"),
        ("tolerations", [{"tolerationJson": {}}], "tolerationJson"),
        ("pvcMount", [{"mountPath": "/m", "taskOutputParameter": {}}], "expected a constant as pvcName"),
        ("emptyDirMounts", [{"volumeName": "mine", "mountPath": "/roadworthy"}], "no volume at /roadworthy/out"),
        (
            "secretAsEnv",
            [{"secretNameParameter": {"componentInputParameter": "x"}, "keyToEnv": []}],
            "a constant as secretName",
        ),
    ],
)
def test_what_has_no_counterpart_is_refused_by_the_steps_name(content, key, value, message):
    changed = copy.deepcopy(content)
    changed[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-say-all"][key] = value
    with pytest.raises(UnsupportedError, match="step 'say-all'") as raised:
        argo.workflow_template(changed)
    assert message in str(raised.value)


def test_a_step_may_bring_its_own_scratch_folder(content):
    changed = copy.deepcopy(content)
    executor = changed[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-say-all"]
    executor["emptyDirMounts"] = [{"volumeName": "scratch", "mountPath": "/tmp", "sizeLimit": "1Gi"}]
    mounts = template(argo.workflow_template(changed), "say-all")["container"]["volumeMounts"]
    assert [one["name"] for one in mounts if one["mountPath"] == "/tmp"] == ["scratch-3"]


def test_resources_from_a_parameter_are_refused(content):
    changed = copy.deepcopy(content)
    resources = changed[0]["deploymentSpec"]["executors"]["exec-say-all"]["container"]["resources"]
    resources["resourceMemoryLimit"] = "{{$.inputs.parameters['memory']}}"
    with pytest.raises(UnsupportedError, match="step 'say-all'"):
        argo.workflow_template(changed)


def test_older_fields_alone_are_refused_and_not_forgotten(content):
    for old in ({"memoryLimit": 14.0}, {"accelerator": {"type": "nvidia.com/gpu", "count": "1"}}):
        changed = copy.deepcopy(content)
        changed[0]["deploymentSpec"]["executors"]["exec-say-all"]["container"]["resources"] = old
        with pytest.raises(UnsupportedError, match="step 'say-all': expected only fields"):
            argo.workflow_template(changed)


@pytest.mark.parametrize("count", ["0.5", "-1", "one"])
def test_gpus_are_whole(content, count):
    changed = copy.deepcopy(content)
    resources = changed[0]["deploymentSpec"]["executors"]["exec-say-all"]["container"]["resources"]
    resources["accelerator"]["resourceCount"] = count
    with pytest.raises(UnsupportedError, match="step 'say-all': expected a whole number of nvidia"):
        argo.workflow_template(changed)
    resources["accelerator"]["resourceCount"] = "0"
    limits = template(argo.workflow_template(changed), "say-all")["container"]["resources"]["limits"]
    assert limits == {"cpu": "4", "memory": "14G"}


def test_a_backoff_that_argo_cannot_say_is_refused(content):
    changed = copy.deepcopy(content)
    changed[0]["root"]["dag"]["tasks"]["say-all"]["retryPolicy"]["backoffFactor"] = 1.5
    with pytest.raises(UnsupportedError, match=r"step 'say-all': expected a whole backoff factor, found 1\.5"):
        argo.workflow_template(changed)


def test_a_profile_places_the_steps_that_gain_by_a_gpu_and_no_other():
    manifest = argo.workflow_template(kfp.compiled(traffic_signs.traffic_signs, placement.choose("g4dn")))
    selected = {one["name"] for one in manifest["spec"]["templates"] if "nodeSelector" in one}
    assert selected == {"fine-tune", "adversarial", "compare"}
    for one in manifest["spec"]["templates"]:
        asked = one.get("container", {}).get("resources", {}).get("limits", {})
        assert ("nvidia.com/gpu" in asked) == ("tolerations" in one) == (one["name"] in selected)


def test_how_long_workflows_are_kept_can_be_said_by_the_pipeline(content):
    changed = copy.deepcopy(content)
    changed[1]["platforms"]["kubernetes"]["pipelineConfig"] = {"resourceTtlOnCompletion": 60}
    assert argo.workflow_template(changed)["spec"]["ttlStrategy"] == {"secondsAfterCompletion": 60}
    changed[1]["platforms"]["kubernetes"]["pipelineConfig"] = {"workspace": {"size": "1Gi"}}
    with pytest.raises(UnsupportedError, match="workspace"):
        argo.workflow_template(changed)


def test_the_file_holds_no_alias(content):
    text = argo.text(argo.compiled(content))
    assert "&id" not in text
    assert list(yaml.safe_load_all(text)) == argo.compiled(content)
