"""A compiled pipeline as an Argo ``WorkflowTemplate``, for a cluster with nothing of KFP in it.

What holds for every workflow: Pod Security ``restricted``, an owner of its own for the pods' rights, pods of steps
that succeeded are removed at once and their logs kept with the artifacts, workflows are removed after some days, and
artifacts never: models and baselines are used long after the run that made them, so the bucket's own rules decide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from components.errors import ParameterError, UnsupportedError
from pipelines.targets import ir, parse
from pipelines.targets.argo import containers, metrics, placeholders, platform, values
from pipelines.targets.argo.dags import Dags
from pipelines.targets.argo.names import PIPELINE, label
from pipelines.targets.argo.values import Object

API = "argoproj.io/v1alpha1"
SERVICE_ACCOUNT = "roadworthy-pipelines"
USER = 65532
"""The images' own (images/*/Containerfile)."""

LIMIT = 1_000_000
"""Bytes: etcd takes 1.5 MB, and a running workflow holds its template and the state of every node."""

_DAY = 86400
_SECURITY: Object = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}

# Argo adds two containers of its own to each pod, and gives them what its controller's ConfigMap says: by default
# nothing, which a namespace that enforces ``restricted`` refuses.
_SIDECARS = {
    place: [{"name": name, "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}]
    for place, name in (("initContainers", "init"), ("containers", "wait"))
}


def workflow_template(content: Sequence[Any]) -> Object:
    """Translates the documents of an IR file.

    Raises:
        PipelineError: They are no compiled pipeline.
        UnsupportedError: A step has no faithful counterpart; it is named.
    """
    # The second document is read here for what a pod can do, and not for what one machine can.
    pipeline = parse.parse(content[:1], "pipeline")
    placed = platform.read(content, "pipeline")
    values.refused(pipeline.name)
    given = _given(pipeline)
    dags = Dags(pipeline, placed.steps)
    entry, exits = dags.root(given)
    name = label(pipeline.name, PIPELINE)
    labels = {
        "app.kubernetes.io/component": "pipelines",
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/part-of": "roadworthy",
    }
    templates = sorted(dags.templates.found.items(), key=lambda item: (item[0] != entry, item[0]))
    spec: Object = {
        "entrypoint": entry,
        "serviceAccountName": SERVICE_ACCOUNT,
        "securityContext": _SECURITY,
        "podMetadata": {"labels": labels},
        "podSpecPatch": json.dumps(_SIDECARS, sort_keys=True),
        "podGC": {"strategy": "OnPodSuccess"},
        "archiveLogs": True,
        "artifactGC": {"strategy": "Never"},
        "ttlStrategy": {"secondsAfterSuccess": 3 * _DAY, "secondsAfterFailure": 14 * _DAY},
        "metrics": metrics.of_run(pipeline.name),
        "volumes": [dict(volume) for volume in containers.VOLUMES],
        **placed.spec,
        "templates": [{"name": key, **template} for key, template in templates],
    }
    if exits:
        spec["onExit"] = exits
    if parameters := _parameters(pipeline, given, spec["templates"]):
        spec["arguments"] = {"parameters": parameters}
    if secrets := sorted({one for step in placed.steps.values() for one in step.pull_secrets}):
        spec["imagePullSecrets"] = [{"name": one} for one in secrets]
    metadata: Object = {"name": name, "labels": labels}
    if pipeline.description:
        metadata["annotations"] = {"workflows.argoproj.io/description": pipeline.description}
    found = {"apiVersion": API, "kind": "WorkflowTemplate", "metadata": metadata, "spec": spec}
    if (size := len(json.dumps(found))) > LIMIT:
        raise UnsupportedError(f"{pipeline.name}: expected a workflow of at most {LIMIT} bytes, found {size}")
    return found


def arguments(pipeline: ir.Pipeline, given: Mapping[str, Any]) -> list[Object]:
    """Returns a run's parameters for a ``Workflow`` that is submitted; they are the one gate that a value passes.

    Args:
        pipeline: Whose run it is.
        given: Its parameters, checked and complete (``pipelines.parameters``).

    Raises:
        ParameterError: Argo would read a value as a template; names each such parameter.
    """
    found, wrong = [], []
    for name, value in sorted(given.items()):
        try:
            found.append({"name": name, "value": values.constant(value, pipeline.root.inputs.parameters[name].kind)})
        except UnsupportedError as error:
            wrong.append(f"  {name}: {error}")
    if wrong:
        raise ParameterError("\n".join([f"{pipeline.name}: {len(wrong)} wrong parameters", *wrong]))
    return found


def _given(pipeline: ir.Pipeline) -> placeholders.Given:
    declared = pipeline.root.inputs
    if declared.artifacts:
        raise UnsupportedError(f"expected no artifacts as the pipeline's inputs, found {', '.join(declared.artifacts)}")
    for name, parameter in declared.parameters.items():
        if parameter.optional and parameter.default in (ir.ABSENT, None):
            raise UnsupportedError(
                f"pipeline parameter {name!r}: expected a default or a value in every run, found one that may be "
                "absent, which Argo's parameters never are"
            )
    return placeholders.Given({name: one.kind for name, one in declared.parameters.items()}, frozenset())


def _parameters(pipeline: ir.Pipeline, given: placeholders.Given, templates: list[Object]) -> list[Object]:
    found = []
    for name in sorted(given.parameters):
        declared = pipeline.root.inputs.parameters[name]
        try:
            one: Object = {"name": values.checked(name), **containers.default(pipeline.root, name)}
            if declared.description:
                values.refused(declared.description)
                one["description"] = declared.description
            if declared.choices:
                one["enum"] = [values.constant(choice, declared.kind) for choice in declared.choices]
        except UnsupportedError as error:
            raise UnsupportedError(f"pipeline parameter {name!r}: {error}") from None
        found.append(one)
    if placeholders.ROOT in str(templates):
        about = "Where the run keeps its places: s3://bucket/prefix, without a slash at the end"
        found.append({"name": placeholders.ROOT, "description": about})
    return found
