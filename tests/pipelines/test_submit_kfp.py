"""`roadworthy submit --to kfp` and `roadworthy follow`, through kfp's own client, against a server of its REST API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import argo_probes
import pipeline_probes as probes
import pytest
import yaml
from kfp_server import Service, serving

from pipelines import cli
from pipelines.submit import following
from pipelines.targets import kfp, kfp_native, store

COMMAND = ["submit", "pipeline_probes:many_params", "--to", "kfp", "--param", "need=x", "--param", 'xs=["p"]']


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(following, "EVERY", 0.02)
    monkeypatch.setenv("HOME", str(tmp_path))  # kfp keeps a context there
    with serving(Service()) as made:
        monkeypatch.setenv("KF_PIPELINES_ENDPOINT", made.url)
        yield made


def task(name: str, state: str, error: str = "", **more: Any) -> dict[str, Any]:
    times = {"start_time": "2026-11-23T08:00:00Z"}
    if state not in ("PENDING", "RUNNING"):
        times["end_time"] = "2026-11-23T08:00:07Z"
    said = {"error": {"code": 2, "message": error}} if error else {}
    return {"task_id": f"id-{name}", "display_name": name, "state": state, **times, **said, **more}


def look(state: str, *tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"state": state, "run_details": {"task_details": list(tasks)}, **more}


def test_a_pipeline_is_uploaded_under_its_digest_and_run(service, capsys):
    assert cli.main(COMMAND) == 0
    content = store.reached(kfp.compiled(probes.many_params))
    assert [one["display_name"] for one in service.pipelines] == ["many-params"]
    assert [one["display_name"] for one in service.versions] == [kfp_native.version(content)]
    assert service.uploads == [content]
    run = service.runs[0]
    assert run["pipeline_version_reference"] == {"pipeline_id": "pipelines-0", "pipeline_version_id": "versions-0"}
    assert run["runtime_config"]["parameters"] == {
        "need": "x",
        "n": 3,
        "x": 0.5,
        "yes": True,
        "xs": ["p"],
        "d": {"a": 1},
    }
    assert run["experiment_id"] == "experiments-0"
    assert [one["display_name"] for one in service.experiments] == ["Default"]
    assert "runs-0: done" in capsys.readouterr().out


def test_the_same_pipeline_is_uploaded_once_and_another_is_another_version(service):
    for _ in range(2):
        assert cli.main(COMMAND) == 0
    assert (len(service.pipelines), len(service.versions), len(service.experiments)) == (1, 1, 1)
    assert cli.main([*COMMAND, "--images", ":2"]) == 0
    assert (len(service.pipelines), len(service.versions), len(service.runs)) == (1, 1, 3)  # no image of ours in it
    assert cli.main(["submit", "monitoring", *NEEDED]) == 0
    assert cli.main(["submit", "monitoring", *NEEDED, "--images", ":2"]) == 0
    assert [one["display_name"].rsplit("-", 1)[0] for one in service.versions[1:]] == ["monitoring", "monitoring"]
    assert len(service.pipelines) == 2


NEEDED = ["--to", "kfp", *(f"--param={name}=s3://b/{name}" for name in ("place", "archive", "baseline"))]


def test_the_second_document_reaches_the_server(service):
    assert cli.main(["submit", "argo_probes:placed", "--to", "kfp"]) == 0
    (uploaded,) = service.uploads
    assert len(uploaded) == 2
    assert uploaded == store.reached(kfp.compiled(argo_probes.placed))
    assert "nodeSelector" in str(uploaded[1]["platforms"]["kubernetes"])


def test_the_end_of_a_run_is_the_exit_status_and_its_steps_are_shown(service, capsys):
    service.plan = [
        look("PENDING"),
        look("RUNNING", task("root", "RUNNING"), task("train-driver", "RUNNING"), task("train", "RUNNING")),
        look("FAILED", task("root", "SKIPPED"), task("train", "FAILED", "exit code 137"), error={"message": "failed"}),
    ]
    assert cli.main(COMMAND) == 1
    text = capsys.readouterr().err
    assert [line.split("  ")[:2] for line in text.splitlines() if line.startswith("train")] == [
        ["train", "running"],
        ["train", "failed"],
    ]
    assert "7.0 s" in text
    assert "step 'train' failed: exit code 137" in text
    assert "memory" in text
    assert text.splitlines()[-1].startswith("runs-0: failed")


def test_the_failure_of_kfps_own_driver_is_told(service, capsys):
    service.plan = [look("FAILED", task("train-driver", "FAILED", 'serviceaccount "pipeline-runner" not found'))]
    assert cli.main(COMMAND) == 1
    text = capsys.readouterr().err
    assert "step 'train-driver' failed" in text
    assert "ServiceAccount" in text


def test_a_stopped_run_is_no_success(service, capsys):
    service.plan = [look("CANCELED")]
    assert cli.main(COMMAND) == 1
    assert "runs-0: stopped" in capsys.readouterr().err


def test_a_timeout_leaves_the_run_and_says_where_it_is(service, capsys):
    service.plan = [look("RUNNING", task("train", "RUNNING"))]
    assert cli.main([*COMMAND, "--timeout", "0"]) == 124
    text = capsys.readouterr().err
    assert f"{service.url}/#/runs/details/runs-0" in text
    assert "roadworthy follow runs-0 --to kfp" in text
    service.plan = [look("SUCCEEDED")]
    assert cli.main(["follow", "runs-0", "--to", "kfp"]) == 0


def test_the_namespace_and_the_token_of_a_multi_user_server(service, tmp_path):
    token = tmp_path / "token"
    token.write_text("from-a-file")
    assert cli.main([*COMMAND, "--namespace", "team-a", "--token-file", str(token), "--detach"]) == 0
    assert service.namespaces == {"team-a"}
    assert service.experiments[0]["namespace"] == service.pipelines[0]["namespace"] == "team-a"
    assert service.tokens == {"Bearer from-a-file"}


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        ("GET .*/pipelines", 401, "expected valid credentials for Kubeflow Pipelines, found status 401: no"),
        ("POST .*/runs", 403, "expected the right to run many-params-"),
        ("POST .*/upload_version", 400, "found status 400: no"),
        ("GET .*/runs/.*", 404, "found status 404: no"),
    ],
)
def test_a_refusal_says_what_was_asked(service, capsys, what, code, said):
    service.refuse[what] = (code, "no")
    assert cli.main(COMMAND) == 2
    assert said in capsys.readouterr().err


def test_a_dry_run_asks_nobody_and_shows_version_and_parameters(service, capsys):
    assert cli.main([*COMMAND, "--dry-run", "--root", "s3://bucket/runs"]) == 0
    assert not service.tokens
    text = capsys.readouterr().out
    content = list(yaml.safe_load_all(text))
    assert content == store.reached(kfp.compiled(probes.many_params))
    said = yaml.safe_load("\n".join(line[1:] for line in text.splitlines()[1:] if line.startswith("#"))[:-15])
    assert said["version"] == kfp_native.version(content)
    assert said["parameters"]["need"] == "x"
    assert said["pipeline_root"] == "s3://bucket/runs"


@pytest.mark.parametrize("host", ["http://127.0.0.1:9", "http://127.0.0.1:99999"])
def test_a_server_that_is_not_there_is_named_at_once(service, capsys, host):
    assert cli.main([*COMMAND, "--host", host]) == 2
    assert host in capsys.readouterr().err


def test_no_address_at_all_is_one_line(service, monkeypatch, capsys):
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT")
    monkeypatch.setenv("KUBECONFIG", "")
    assert cli.main(COMMAND) == 2
    assert "--host, KF_PIPELINES_ENDPOINT" in capsys.readouterr().err
