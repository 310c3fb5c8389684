"""Argo Workflows: applies a pipeline's ``WorkflowTemplate``, creates a ``Workflow`` of it, looks at it.

The template is applied on the server's side under a field manager of our own: where Argo CD or somebody else keeps it,
an equal one is no conflict and a different one is refused. The run itself only refers to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from components.errors import PipelineError
from pipelines.submit import cluster, pods, reasons, workflows
from pipelines.submit.runs import Snapshot, Step
from pipelines.targets import argo, parse
from pipelines.targets.argo import values
from pipelines.targets.argo.placeholders import ROOT
from pipelines.targets.images import Images
from pipelines.targets.local import records
from pipelines.targets.local.view import TAIL

Object = dict[str, Any]

PLURALS = {"WorkflowTemplate": "workflowtemplates", "Workflow": "workflows", "CronWorkflow": "cronworkflows"}


def objects(content: Sequence[Any], given: Mapping[str, Any], images: Images, root: str = "") -> list[Object]:
    """Returns what is sent for a run: the ``WorkflowTemplate``, and the ``Workflow`` that refers to it.

    Args:
        content: The documents of the IR.
        given: The run's parameters, checked and complete (``pipelines.parameters``).
        images: What stands for the images.
        root: Where the run keeps its places, for pipelines that ask for one: ``s3://bucket/prefix``.

    Raises:
        ParameterError: Argo would read a value as a template.
        UnsupportedError: A step has no faithful counterpart.
        PipelineError: The pipeline needs a root and there is none.
    """
    template = images.placed(argo.workflow_template(content))
    parameters = argo.arguments(parse.parse(content[:1], "pipeline"), given)
    parameters += _rooted(template, root)
    name = template["metadata"]["name"]
    workflow: Object = {
        "apiVersion": template["apiVersion"],
        "kind": "Workflow",
        "metadata": {"generateName": f"{name}-", "labels": template["metadata"]["labels"]},
        "spec": {"workflowTemplateRef": {"name": name}},
    }
    if parameters:
        workflow["spec"]["arguments"] = {"parameters": parameters}
    return [template, workflow]


def scheduled(content: Sequence[Any], images: Images) -> list[Object]:
    """Returns what is sent for a schedule: the ``WorkflowTemplate`` and its ``CronWorkflow``.

    Raises:
        PipelineError: The pipeline has no schedule.
    """
    found: list[Object] = images.placed(argo.compiled(content))
    if len(found) == 1:
        raise PipelineError(f"expected a pipeline with a schedule, found {found[0]['metadata']['name']} without one")
    return found


def send(client: Any, sent: Sequence[Object]) -> list[Object]:
    """Applies or creates objects, in their order, in the client's namespace; returns what the cluster made of them.

    Raises:
        PipelineError: The namespace lacks something, a right is missing, or the cluster refuses an object.
    """
    _prepared(client, sent[0]["spec"].get("serviceAccountName", ""))
    return [_sent(client, one) for one in sent]


class ArgoRun:
    """A ``Workflow`` on a cluster.

    Args:
        client: Of ``cluster.connect``.
        name: The workflow's.
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client, self._name, self._seen = client, name, Object()

    @property
    def name(self) -> str:
        """The workflow's name."""
        return self._name

    def look(self) -> Snapshot:
        """Returns how it stands; see ``runs.Run``."""
        with cluster.asking(f"get workflows.argoproj.io called {self._name}", self._client.namespace):
            found = self._client.get(cluster.resource("Workflow", PLURALS["Workflow"]), self._name)
        self._seen = found.to_dict()
        return self._said(workflows.snapshot(self._seen))

    def why(self, step: Step) -> str:
        """Returns what was expected of the step or the cluster."""
        return reasons.explained(step.said, workflows.asked(self._seen, step))

    def tail(self, step: Step) -> str:
        """Returns the end of its pod's log; a pod that is gone has none here, but Argo may have kept it."""
        pod = pods.of(self._client, self._name).get(workflows.last_pod(self._seen, step))
        return pods.log(self._client, pod, TAIL) if pod else ""

    def _said(self, snapshot: Snapshot) -> Snapshot:
        """Adds what pods say that wait without a reason of Argo's."""
        if not any(_unsaid(step) for step in snapshot.steps):
            return snapshot
        try:
            found = pods.of(self._client, self._name)
        except PipelineError:  # without the right to see pods, what Argo says must do
            return snapshot
        steps = []
        for step in snapshot.steps:
            pod = found.get(workflows.last_pod(self._seen, step)) if _unsaid(step) else None
            steps.append(replace(step, said=pods.waiting(pod) or step.said) if pod else step)
        return replace(snapshot, steps=steps)

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()

    def onward(self) -> list[str]:
        """Returns how to follow it again and how to stop it."""
        space = self._client.namespace
        stop = f"""kubectl -n {space} patch workflow {self._name} --type merge -p '{{"spec":{{"shutdown":"Stop"}}}}'"""
        return [
            f"  follow it again: roadworthy follow {self._name} --to argo --namespace {space}",
            f"  stop it: argo stop {self._name} -n {space}, or {stop}",
        ]


def _rooted(template: Object, root: str) -> list[Object]:
    declared = template["spec"].get("arguments", {}).get("parameters", [])
    if not any(one["name"] == ROOT for one in declared):
        return []
    if not root:
        raise PipelineError(
            f"{template['metadata']['name']}: expected --root, the place under which runs keep theirs "
            "(s3://bucket/prefix), found none"
        )
    values.refused(root)
    return [{"name": ROOT, "value": root.rstrip("/")}]


def _prepared(client: Any, account: str) -> None:
    """Asks for what would otherwise fail minutes later; what we may not ask for is left to the cluster."""
    import httpx2
    from lightkube.resources.core_v1 import Namespace, ServiceAccount

    space = client.namespace
    for kind, name, advice in (
        (Namespace, space, f"kubectl create namespace {space}"),
        (ServiceAccount, account, "the manifests under manifests/ make it, with the rights of Argo's executor"),
    ):
        with cluster.asking(f"get {kind.__name__}s", space):
            try:
                if name:
                    client.get(kind, name)
            except httpx2.HTTPStatusError as error:
                if cluster.missing(error):
                    where = "" if kind is Namespace else f" in namespace {space}"
                    raise PipelineError(f"expected the {kind.__name__} {name}{where}, found none: {advice}") from None
                if not cluster.forbidden(error):
                    raise


def _sent(client: Any, one: Object) -> Object:
    kind = one["kind"]
    made = cluster.resource(kind, PLURALS[kind])(one)
    applied = "name" in one["metadata"]
    with cluster.asking(f"{'patch' if applied else 'create'} {PLURALS[kind]}.argoproj.io", client.namespace):
        found = client.apply(made) if applied else client.create(made)
    return dict(found.to_dict())


def _unsaid(step: Step) -> bool:
    return step.state == records.PENDING and step.said in pods.VAGUE
