"""`roadworthy submit --to argo` and `roadworthy follow`, against a server that speaks the Kubernetes API."""

from __future__ import annotations

import base64
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_api import Cluster, serving

from pipelines import cli
from pipelines.submit import following
from pipelines.targets import argo, kfp

HERE, ROOT = Path(__file__).parent, Path(__file__).resolve().parents[2]
FLAT = ["submit", "pipeline_probes:many_params", "--to", "argo", "--param", "need=x"]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr(following, "EVERY", 0.02)
    with serving(Cluster()) as made:
        monkeypatch.setenv("KUBECONFIG", str(made.configuration(tmp_path)))
        yield made


def node(name: str, phase: str, kind: str = "Pod", message: str = "", **more: Any) -> dict[str, Any]:
    times = {"startedAt": "2026-11-23T08:00:00Z"}
    if phase not in ("Pending", "Running"):
        times["finishedAt"] = "2026-11-23T08:00:07Z"
    return {
        "id": f"id-{name}",
        "name": f"many-params-x1y2z.{name}",
        "displayName": name,
        "type": kind,
        "phase": phase,
        "templateName": name,
        **times,
        **({"message": message} if message else {}),
        **more,
    }


def status(phase: str, *nodes: dict[str, Any], message: str = "", **more: Any) -> dict[str, Any]:
    return {"phase": phase, "message": message, "nodes": {one["id"]: one for one in nodes}, **more}


def test_what_is_sent_is_the_template_and_a_workflow_that_refers_to_it(cluster, capsys):
    assert cli.main(FLAT) == 0
    template, workflow = cluster.sent
    import pipeline_probes

    assert template == json.loads(json.dumps(argo.workflow_template(kfp.compiled(pipeline_probes.many_params))))
    assert cluster.managers["workflowtemplates", "many-params"] == "roadworthy"
    assert workflow["metadata"]["generateName"] == "many-params-"
    assert workflow["spec"]["workflowTemplateRef"] == {"name": "many-params"}
    given = {one["name"]: one["value"] for one in workflow["spec"]["arguments"]["parameters"]}
    assert given == {"need": "x", "n": "3", "x": "0.5", "yes": "true", "xs": '["a"]', "d": '{"a":1}'}
    assert "many-params-x1y2z: done" in capsys.readouterr().out


def test_each_change_of_a_step_is_one_line_and_the_end_is_the_exit_status(cluster, capsys):
    cluster.plan = [
        {},
        status("Running", node("make", "Pending")),
        status("Running", node("make", "Running")),
        status("Running", node("make", "Running")),
        status("Succeeded", node("make", "Succeeded"), node("branch", "Skipped", "Skipped")),
    ]
    assert cli.main(FLAT) == 0
    seen = capsys.readouterr()
    lines = seen.err.splitlines()
    assert lines[0] == "run many-params-x1y2z"
    assert [line.split("  ")[:2] for line in lines[1:]] == [
        ["make", "running"],
        ["branch", "skipped (condition)"],
        ["make", "done"],
    ]
    assert "7.0 s" in seen.err
    assert "1 steps run" in seen.out


WAITS = [
    ("Unschedulable: 0/3 nodes are available: 3 node(s) didn't match node selector.", "kubectl get nodes"),
    ('ImagePullBackOff: Back-off pulling image "roadworthy/dev:1"', "an image that the cluster can pull"),
    ("ErrImagePull: manifest unknown", "--images"),
]


@pytest.mark.parametrize(("message", "advice"), WAITS)
def test_a_step_that_waits_says_for_what_and_a_timeout_leaves_it_running(cluster, capsys, message, advice):
    cluster.plan = [status("Running", node("train", "Pending", message=message))]
    assert cli.main([*FLAT, "--timeout", "0.2"]) == 124
    text = capsys.readouterr().err
    assert [line.split("  ")[:2] for line in text.splitlines()].count(["train", "waiting"]) == 1
    assert f"step 'train' waits: {message}" in text
    assert advice in text
    assert "it goes on" in text
    assert "roadworthy follow many-params-x1y2z --to argo --namespace signs" in text


def test_what_keeps_a_pod_before_its_main_container_is_told_where_argo_does_not(cluster, capsys):
    failed = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "argoexec:v4": not found'}
    cluster.pod("pod-of-train", "id-train", before={"waiting": failed})
    cluster.plan = [status("Running", node("train", "Pending", message="PodInitializing"))]
    assert cli.main([*FLAT, "--timeout", "0"]) == 124
    text = capsys.readouterr().err
    assert "step 'train' waits: ImagePullBackOff: Back-off pulling image" in text
    assert "expected an image that the cluster can pull, found argoexec:v4" in text
    cluster.refuse["list pods"] = (403, "no")
    assert cli.main([*FLAT, "--timeout", "0"]) == 124
    assert "step 'train' waits: PodInitializing" in capsys.readouterr().err


def test_a_step_without_a_node_names_the_labels_and_limits_it_asked_for(cluster, capsys):
    asked = {
        "name": "train",
        "nodeSelector": {"node.kubernetes.io/instance-type": "g4dn.xlarge"},
        "container": {"image": "i", "resources": {"limits": {"nvidia.com/gpu": 1, "memory": "14G"}}},
    }
    waits = node("train", "Pending", message="Unschedulable: 0/1 nodes are available")
    cluster.plan = [status("Running", waits, storedWorkflowTemplateSpec={"templates": [asked]})]
    assert cli.main([*FLAT, "--timeout", "0"]) == 124
    wanted = "a node with the label node.kubernetes.io/instance-type=g4dn.xlarge, memory 14G, nvidia.com/gpu 1"
    assert wanted in capsys.readouterr().err


FAILURES = [
    ("main: OOMKilled (exit code 137)", "memory"),
    ("main: Error (exit code 1)", ""),
    ('pods "x" is forbidden: error looking up service account signs/a: serviceaccount "a" not found', "ServiceAccount"),
    ('pods "x" is forbidden: exceeded quota: q, requested: cpu=3', "ResourceQuota"),
    ('pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot', "Pod Security"),
    ("wait: Error (exit code 64): failed to put file: NoSuchBucket: the bucket does not exist", "its bucket made"),
    ("You need to configure artifact storage. More information on how to do this", "artifact-repositories"),
    ('wait: Error (exit code 1): workflowtaskresults.argoproj.io is forbidden: User "s"', "create and patch"),
    ("Pod was active on the node longer than the specified deadline", "time limit"),
]


@pytest.mark.parametrize(("message", "advice"), FAILURES)
def test_a_failure_names_the_step_the_reason_and_the_end_of_its_log(cluster, capsys, message, advice):
    cluster.pod("pod-of-train", "id-train", "one\ntwo\n\x1b[2Jthree\n")
    cluster.pod("pod-of-another", "id-another", "not this one\n")
    cluster.plan = [status("Failed", node("train", "Failed", message=message))]
    assert cli.main(FLAT) == 1
    text = capsys.readouterr().err
    assert f"step 'train' failed: {message}" in text
    assert advice in text
    assert "    one\n    two\n    ·[2Jthree\n" in text
    assert "not this one" not in text
    assert text.splitlines()[-1].startswith("many-params-x1y2z: failed, 1 steps run")


def test_what_argos_executor_writes_into_a_log_hides_none_of_the_steps_own_words(cluster, capsys):
    theirs = 'time=2026-11-23T09:17:05.281Z level=INFO msg="no need to save artifact" argo=true srcPath=/out/{}\n'
    own = [f"own line {number}\n" for number in range(20)]
    log = [line for pair in zip(own, map(theirs.format, range(20)), strict=True) for line in pair]
    cluster.pod("pod-of-train", "id-train", "".join([*log, *map(theirs.format, range(20, 60))]))
    cluster.plan = [status("Failed", node("train", "Failed", message="main: Error (exit code 1)"))]
    assert cli.main(FLAT) == 1
    text = capsys.readouterr().err
    assert "".join(f"    {line}" for line in own[-15:]) in text
    assert "own line 4\n" not in text
    assert "argo=true" not in text


def test_a_step_tried_again_is_one_step_with_the_last_attempts_reason_and_log(cluster, capsys):
    first = node("flaky(0)", "Failed", message="main: Error (exit code 3)")
    second = {
        **node("flaky(1)", "Failed", message="main: OOMKilled (exit code 137)"),
        "startedAt": "2026-11-23T09:00:00Z",
    }
    whole = node("flaky", "Failed", "Retry", "No more retries left", children=[first["id"], second["id"]])
    cluster.pod("pod-0", first["id"], "first log\n")
    cluster.pod("pod-1", second["id"], "second log\n")
    cluster.plan = [status("Failed", first, whole, second)]
    assert cli.main(FLAT) == 1
    text = capsys.readouterr().err
    assert "flaky  failed, attempt 2" in text
    assert "step 'flaky' failed: main: OOMKilled" in text
    assert "second log" in text
    assert "first log" not in text
    assert "flaky(0)" not in text


def test_a_workflow_that_fails_before_any_step_says_why(cluster, capsys):
    cluster.plan = [status("Error", message="error in entry template execution: artifact repository ref not found")]
    assert cli.main(FLAT) == 1
    text = capsys.readouterr().err
    assert "artifact repository ref not found" in text
    assert "ConfigMap artifact-repositories" in text


def test_two_steps_of_one_name_are_told_apart(cluster, capsys):
    nodes = [node("join", "Succeeded"), {**node("join", "Succeeded"), "id": "b", "name": "many-params-x1y2z.in.join"}]
    cluster.plan = [status("Succeeded", *nodes)]
    assert cli.main(FLAT) == 0
    assert {line.split("  ")[0] for line in capsys.readouterr().err.splitlines()[1:]} == {"join", "in.join"}


def test_statuses_that_the_controller_packed_are_read(cluster, capsys):
    nodes = json.dumps({"a": node("packed", "Succeeded")}).encode()
    cluster.plan = [{"phase": "Succeeded", "compressedNodes": base64.b64encode(gzip.compress(nodes)).decode()}]
    assert cli.main(FLAT) == 0
    assert "packed  done" in capsys.readouterr().err


REFUSALS: list[tuple[str, int, str, str]] = [
    ("patch workflowtemplates", 403, 'User "me" cannot patch', "the right to patch workflowtemplates.argoproj.io in"),
    (
        "create workflows",
        403,
        'User "me" cannot create',
        "the right to create workflows.argoproj.io in namespace signs",
    ),
    ("get workflows", 403, 'User "me" cannot get', "the right to get workflows.argoproj.io called many-params-x1y2z"),
    ("get serviceaccounts", 401, "Unauthorized", "expected valid credentials"),
    ("create workflows", 422, "spec.arguments: Invalid value", "status 422: spec.arguments: Invalid value"),
]


@pytest.mark.parametrize(("what", "code", "message", "said"), REFUSALS)
def test_a_refusal_says_which_right_is_missing_or_what_is_wrong(cluster, capsys, what, code, message, said):
    cluster.refuse[what] = (code, message)
    assert cli.main(FLAT) == 2
    text = capsys.readouterr().err
    assert said in text
    assert message in text
    assert "secret-token" not in text


def test_the_right_to_look_beforehand_is_not_needed(cluster):
    cluster.refuse |= {"get namespaces": (403, "no"), "get serviceaccounts": (403, "no")}
    assert cli.main(FLAT) == 0


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        (("namespaces", "signs"), "expected the Namespace signs, found none: kubectl create namespace signs"),
        (
            ("serviceaccounts", "roadworthy-pipelines"),
            "ServiceAccount roadworthy-pipelines in namespace signs, found none",
        ),
    ],
)
def test_what_a_namespace_lacks_is_said_before_anything_is_sent(cluster, capsys, gone, said):
    del cluster.objects[gone]
    assert cli.main(FLAT) == 2
    assert said in capsys.readouterr().err
    assert cluster.sent == []


def test_a_cluster_without_argo_is_told_apart(cluster, capsys):
    cluster.crds = False
    assert cli.main(FLAT) == 2
    assert "is Argo Workflows installed?" in capsys.readouterr().err


def test_a_template_that_somebody_else_keeps_is_not_taken_over(cluster, capsys):
    cluster.objects["workflowtemplates", "many-params"] = {"spec": {"other": True}}
    cluster.managers["workflowtemplates", "many-params"] = "argocd-controller"
    assert cli.main(FLAT) == 2
    assert 'conflict with "argocd-controller"' in capsys.readouterr().err
    assert cluster.objects["workflowtemplates", "many-params"] == {"spec": {"other": True}}


def test_no_cluster_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    assert cli.main(FLAT) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_cluster_that_does_not_answer_is_named(cluster, tmp_path, monkeypatch, capsys):
    cluster.url = "http://127.0.0.1:9"
    monkeypatch.setenv("KUBECONFIG", str(cluster.configuration(tmp_path)))
    assert cli.main(FLAT) == 2
    assert "expected the cluster's API at 127.0.0.1:9 to answer" in capsys.readouterr().err


def test_an_api_that_is_away_for_a_moment_does_not_end_the_following(cluster):
    assert cli.main([*FLAT, "--detach"]) == 0
    cluster.broken = following.PATIENCE - 1
    assert cli.main(["follow", "many-params-x1y2z", "--to", "argo"]) == 0


def test_an_api_that_stays_away_ends_the_following_and_says_how_to_go_on(cluster, capsys):
    assert cli.main([*FLAT, "--detach"]) == 0
    cluster.broken = 99
    assert cli.main(["follow", "many-params-x1y2z", "--to", "argo"]) == 2
    assert "roadworthy follow many-params-x1y2z" in capsys.readouterr().err


def test_a_workflow_that_is_gone_is_one_error(cluster, capsys):
    assert cli.main(["follow", "gone", "--to", "argo"]) == 2
    assert 'workflows "gone" not found' in capsys.readouterr().err


def test_a_detached_run_is_sent_and_not_looked_at(cluster, capsys):
    assert cli.main([*FLAT, "--detach"]) == 0
    assert ("get", "workflows/many-params-x1y2z", {}) not in cluster.asked
    text = capsys.readouterr().out
    assert text.startswith("run many-params-x1y2z\n")
    assert "argo stop many-params-x1y2z -n signs" in text


def test_a_dry_run_asks_nobody_and_prints_what_would_be_sent(cluster, capsys):
    assert cli.main([*FLAT, "--dry-run", "--namespace", "other", "--images", "reg.example/team"]) == 0
    assert cluster.asked == []
    template, workflow = yaml.safe_load_all(capsys.readouterr().out)
    assert (template["kind"], workflow["kind"]) == ("WorkflowTemplate", "Workflow")
    assert template["metadata"]["namespace"] == workflow["metadata"]["namespace"] == "other"


def test_a_value_that_argo_would_fill_is_refused_before_anything_is_sent(cluster, capsys):
    assert cli.main([*FLAT[:-1], "need={{workflow.name}}"]) == 2
    assert "need: expected text without {{" in capsys.readouterr().err
    assert cluster.asked == []


def test_a_pipeline_that_keeps_places_asks_for_a_root(cluster, capsys):
    command = ["submit", "pipeline_probes:run_placeholders", "--to", "argo"]
    assert cli.main(command) == 2
    assert "expected --root" in capsys.readouterr().err
    assert cli.main([*command, "--root", "s3://bucket/runs/"]) == 0
    assert cluster.sent[-1]["spec"]["arguments"]["parameters"] == [
        {"name": "pipeline-root", "value": "s3://bucket/runs"}
    ]


def test_a_schedule_is_applied_and_nothing_is_run(cluster, capsys):
    assert cli.main(["submit", "monitoring", "--to", "argo", "--schedule"]) == 0
    assert [one["kind"] for one in cluster.sent] == ["WorkflowTemplate", "CronWorkflow"]
    assert "applied CronWorkflow monitoring in namespace signs" in capsys.readouterr().out


def test_a_pipeline_without_a_schedule_says_so(cluster, capsys):
    assert cli.main(["submit", "traffic_signs", "--to", "argo", "--schedule"]) == 2
    assert "expected a pipeline with a schedule" in capsys.readouterr().err


def test_a_compiled_file_is_sent_as_the_pipeline_is(cluster, tmp_path):
    assert cli.main(["compile", "pipeline_probes:many_params", "--output", str(tmp_path)]) == 0
    assert cli.main(["submit", str(tmp_path / "many-params.yaml"), *FLAT[2:]]) == 0
    first = list(cluster.sent)
    cluster.sent.clear()
    assert cli.main(FLAT) == 0
    assert first == cluster.sent


def test_a_compiled_file_is_not_placed_once_more(cluster, tmp_path, capsys):
    assert cli.main(["compile", "pipeline_probes:many_params", "--output", str(tmp_path)]) == 0
    assert cli.main(["submit", str(tmp_path / "many-params.yaml"), *FLAT[2:], "--profile", "g4dn"]) == 2
    assert "expected no profile with a compiled file" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_following_and_not_the_run(cluster, tmp_path, number, code):
    cluster.plan = [status("Running", node("train", "Running"))]
    process = started(FLAT)
    wait_until(lambda: len([one for one in cluster.asked if one[1].startswith("workflows/")]) > 1)
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == code
    assert "no longer followed; it goes on" in errors
    assert "roadworthy follow many-params-x1y2z --to argo --namespace signs" in errors
    assert [verb for verb, what, _ in cluster.asked if what.startswith("workflows/") and verb != "get"] == ["create"]


def started(command: list[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}"}
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines", *command], env=environment, stderr=subprocess.PIPE, text=True
    )


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
