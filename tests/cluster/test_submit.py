"""`roadworthy submit --to argo` on a real cluster with Argo: its schemas, its rights, its controller, its scheduler.

Needs a cluster whose KUBECONFIG may make namespaces and that has Argo's custom resources; what follows a workflow also
needs its controller, and what runs a step a node with the image ``roadworthy/analysis``.
"""

# No ``from __future__ import annotations`` here: the KFP SDK reads the annotations as objects.

import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import dsl
from kfp import kubernetes as k8s

from components.artifacts import image
from pipelines import cli
from pipelines.submit import cluster
from pipelines.targets import kfp

ACCOUNT = "roadworthy-pipelines"
PATIENCE = "120"  # seconds: an image may have to be unpacked on a busy machine

pytestmark = pytest.mark.timeout(600)


@dsl.container_component
def python(code: str, said: dsl.OutputPath(str)):  # type: ignore[valid-type,no-untyped-def]
    """Runs a line of Python with the path of its output as its argument."""
    return dsl.ContainerSpec(image=image("analysis"), command=["python", "-c"], args=[code, said])


SAY = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('said'); print('written')"
FAIL = "print('the last word'); raise SystemExit(3)"
FILL = "b = bytearray(1 << 30); b[::4096] = bytes(len(b[::4096]))"


@dsl.pipeline(name="says")
def says() -> None:
    first = python(code=SAY)
    python(code=f"{SAY}; print('after {first.outputs['said']}')")


@dsl.pipeline(name="fails")
def fails() -> None:
    python(code=FAIL)


@dsl.pipeline(name="fills")
def fills() -> None:
    python(code=FILL).set_memory_limit("64Mi")


@dsl.pipeline(name="nowhere")
def nowhere() -> None:
    k8s.add_node_selector(python(code=SAY), "roadworthy/no-node-has-this", "true")


class Room:
    """A namespace of its own for one test."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.client = cluster.connect(name)

    def make(self, kind: Any, name: str, **content: Any) -> None:
        self.client.create(kind.from_dict({"metadata": {"name": name}, **content}))

    def account(self, name: str, *rules: dict[str, list[str]]) -> None:
        """Makes a ServiceAccount with some rights."""
        from lightkube.resources import core_v1, rbac_authorization_v1

        self.make(core_v1.ServiceAccount, name)
        self.make(rbac_authorization_v1.Role, name, rules=list(rules))
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        subject = {"kind": "ServiceAccount", "name": name, "namespace": self.name}
        self.make(rbac_authorization_v1.RoleBinding, name, roleRef=role, subjects=[subject])

    def kubeconfig(self, account: str) -> Path:
        """Writes a kubeconfig of a ServiceAccount."""
        from lightkube.models.authentication_v1 import TokenRequestSpec
        from lightkube.models.meta_v1 import ObjectMeta
        from lightkube.resources.core_v1 import ServiceAccountToken

        asked = ServiceAccountToken(metadata=ObjectMeta(), spec=TokenRequestSpec(audiences=[]))
        token = self.client.create(asked, account).status.token
        content = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
        content["users"] = [{"name": user["name"], "user": {"token": token}} for user in content["users"]]
        path = self.folder / "kubeconfig"
        path.touch(0o600)
        path.write_text(yaml.safe_dump(content))
        return path

    def file(self, pipeline: Any) -> str:
        path = self.folder / f"{pipeline.name}.yaml"
        path.write_text(kfp.text(kfp.compiled(pipeline)))
        return str(path)

    def submit(self, pipeline: Any, *options: str) -> int:
        where = ["--to", "argo", "--namespace", self.name, "--timeout", PATIENCE]
        return cli.main(["submit", self.file(pipeline), *where, *options])

    def kept(self, kind: str) -> list[dict[str, Any]]:
        found = self.client.list(cluster.resource(kind, f"{kind.lower()}s"))
        return [one.to_dict() for one in found]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    from lightkube import Client
    from lightkube.core.exceptions import ApiError
    from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
    from lightkube.resources.core_v1 import Namespace

    client = Client()
    try:
        client.get(CustomResourceDefinition, "workflows.argoproj.io")
    except ApiError:
        client.close()
        pytest.skip("expected KUBECONFIG to name a cluster with Argo, found one without its custom resources")
    name = f"submit-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    client.create(Namespace.from_dict({"metadata": {"name": name, "labels": labels}}))
    made = Room(tmp_path, name)
    yield made
    with suppress(ApiError):
        client.delete(Namespace, name)
    made.client.close()
    client.close()


@pytest.fixture
def ready(room: Room) -> Room:
    """A namespace whose pods have what Argo's executor asks for."""
    room.account(
        ACCOUNT, {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
    )
    return room


@pytest.fixture
def watched(ready: Room, capsys: pytest.CaptureFixture[str]) -> Room:
    """The same, on a cluster whose workflow controller works: it takes up a workflow within a while."""
    cli.main(["submit", ready.file(nowhere), "--to", "argo", "--namespace", ready.name, "--timeout", "20"])
    if "nobody took it up" in capsys.readouterr().err:
        pytest.skip("expected a workflow controller on the cluster of KUBECONFIG, found none that takes a workflow up")
    return ready


class TestTheApi:
    def test_a_namespace_that_is_not_there_is_said_first(self, room, capsys):
        room.name = "absent-roadworthy"
        assert room.submit(says) == 2
        assert "expected the Namespace absent-roadworthy, found none" in capsys.readouterr().err

    def test_a_service_account_that_is_not_there_is_said_first(self, room, capsys):
        assert room.submit(says) == 2
        assert f"expected the ServiceAccount {ACCOUNT} in namespace {room.name}, found none" in capsys.readouterr().err
        assert room.kept("WorkflowTemplate") == room.kept("Workflow") == []

    def test_the_api_keeps_template_and_workflow_under_our_name(self, ready, capsys):
        for _ in range(2):
            assert ready.submit(says, "--detach") == 0
        (template,) = ready.kept("WorkflowTemplate")
        workflows = ready.kept("Workflow")
        managers = {one["manager"] for one in template["metadata"]["managedFields"]}
        assert managers == {"roadworthy"}
        assert [one["spec"]["workflowTemplateRef"] for one in workflows] == [{"name": "says"}] * 2
        assert all(one["metadata"]["name"].startswith("says-") for one in workflows)
        assert len({one["metadata"]["name"] for one in workflows}) == 2

    def test_what_somebody_else_changed_is_not_taken_over(self, ready, capsys):
        assert ready.submit(says, "--detach") == 0
        (template,) = ready.kept("WorkflowTemplate")
        metadata = {"name": "says"}
        theirs = {**template, "metadata": metadata, "spec": {**template["spec"], "activeDeadlineSeconds": 7}}
        made = cluster.resource("WorkflowTemplate", "workflowtemplates")(theirs)
        ready.client.apply(made, field_manager="gitops", force=True)
        changed = ready.file(says)
        text = Path(changed).read_text().replace("print('written')", "print('wrote')")
        Path(changed).write_text(text)
        assert cli.main(["submit", changed, "--to", "argo", "--namespace", ready.name, "--detach"]) == 2
        assert 'conflict with "gitops"' in capsys.readouterr().err

    def test_a_schedule_is_kept(self, ready):
        assert cli.main(["submit", "monitoring", "--to", "argo", "--namespace", ready.name, "--schedule"]) == 0
        assert [one["metadata"]["name"] for one in ready.kept("CronWorkflow")] == ["monitoring"]
        assert ready.kept("Workflow") == []

    @pytest.mark.parametrize(
        ("allowed", "missing"),
        [
            ([], "the right to patch workflowtemplates.argoproj.io"),
            (["workflowtemplates"], "the right to create workflows.argoproj.io"),
        ],
    )
    def test_a_missing_right_is_named(self, ready, monkeypatch, capsys, allowed, missing):
        rules = [{"apiGroups": ["argoproj.io"], "resources": allowed, "verbs": ["get", "create", "patch"]}]
        ready.account("user", *(rules if allowed else []))
        monkeypatch.setenv("KUBECONFIG", str(ready.kubeconfig("user")))
        assert ready.submit(says) == 2
        text = capsys.readouterr().err
        assert f"expected {missing} in namespace {ready.name}" in text
        assert f"system:serviceaccount:{ready.name}:user" in text

    def test_a_token_that_nobody_gave_is_refused(self, ready, monkeypatch, tmp_path, capsys):
        file = ready.kubeconfig("default")
        content = yaml.safe_load(file.read_text())
        content["users"][0]["user"]["token"] += "x"
        file.write_text(yaml.safe_dump(content))
        monkeypatch.setenv("KUBECONFIG", str(file))
        assert ready.submit(says) == 2
        assert "expected valid credentials for the cluster" in capsys.readouterr().err


class TestTheController:
    def test_a_step_for_which_there_is_no_node_says_which_labels_it_asked_for(self, watched, capsys):
        assert watched.submit(nowhere, "--timeout", "40") == 124
        text = capsys.readouterr().err
        assert "step 'python' waits: Unschedulable" in text
        assert "a node with the label roadworthy/no-node-has-this=true" in text

    def test_an_image_that_nobody_has_is_named(self, watched, capsys):
        assert watched.submit(says, "--images", "registry.invalid/absent", "--timeout", "60") == 124
        text = capsys.readouterr().err
        assert "step 'python' waits: " in text
        assert "expected an image that the cluster can pull, found " in text  # Argo's own, where nobody has that either


@pytest.mark.slow
class TestTheNode:
    @pytest.fixture(autouse=True)
    def _node(self, watched: Room, capsys: pytest.CaptureFixture[str]) -> None:
        """Skips where no node has the image; a first run also warms it up."""
        if watched.submit(says) == 124 and "expected an image that the cluster can pull" in capsys.readouterr().err:
            pytest.skip(f"expected a node that has {image('analysis')}, found none")
        self.room = watched
        self.first = capsys.readouterr()

    def test_steps_run_one_after_the_other_and_the_end_is_the_exit_status(self, ground):
        done = ground.submit("cluster_probes:says_twice", "--timeout", PATIENCE)  # Argo keeps logs, so it needs a store
        assert done.returncode == 0, done.stderr
        assert "word  done" in done.stderr
        assert "word-2  done" in done.stderr
        assert "2 steps run" in done.stdout

    def test_a_failed_step_ends_with_its_last_words(self, capsys):
        assert self.room.submit(fails) == 1
        text = capsys.readouterr().err
        assert "step 'python' failed: main: Error (exit code 3)" in text
        assert "    the last word" in text

    def test_a_step_that_runs_out_of_memory_says_so(self, capsys):
        assert self.room.submit(fills) == 1
        text = capsys.readouterr().err
        assert "OOMKilled" in text
        assert "its memory (limit 64Mi)" in text
