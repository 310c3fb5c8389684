"""Compiles the IR to KFP's Kubernetes-native objects: a ``Pipeline`` and a ``PipelineVersion``, for GitOps.

A cluster's KFP must keep its pipelines in the Kubernetes API (KFP 2.5 or later, ``--pipelinesStoreKubernetes=true``).
Both documents of the IR go into the version, whose name carries their digest: versions are immutable, so a pipeline
that changed is another version and one that did not is the same. Source of the rules: the webhook of kubeflow/pipelines
(backend/src/apiserver/webhook/pipelineversion_webhook.go).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from components.errors import UnsupportedError
from pipelines.targets import documents, parse

API = "pipelines.kubeflow.org/v2beta1"
LIMIT = 63
"""Characters of a pipeline's name: KFP writes it as a label's value on each of its versions."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DIGITS = 12
_WAVE = {"argocd.argoproj.io/sync-wave": "1"}
"""The webhook refuses a version whose pipeline is not there yet; files are applied from the top, waves one by one."""


def version(content: Sequence[Any]) -> str:
    """Returns the name of a compiled pipeline's version: the pipeline's and a digest of all documents."""
    text = json.dumps(list(content), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    name = content[0]["pipelineInfo"]["name"]
    return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]}"


def compiled(content: Sequence[Any]) -> list[dict[str, Any]]:
    """Returns the ``Pipeline`` and the ``PipelineVersion`` of an IR file's documents.

    Raises:
        PipelineError: They are no compiled pipeline.
        UnsupportedError: No target could run it, or KFP would refuse its name.
    """
    pipeline = parse.parse(content[:1], "pipeline")
    name = pipeline.name
    if len(name) > LIMIT or not _NAME.fullmatch(name):
        raise UnsupportedError(
            f"expected a pipeline's name of at most {LIMIT} lower-case letters, digits and -, found {name!r}"
        )
    labels = {
        "app.kubernetes.io/component": "pipelines",
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/part-of": "roadworthy",
    }
    described = {"description": pipeline.description} if pipeline.description else {}
    spec: dict[str, Any] = {"pipelineName": name, "displayName": version(content), "pipelineSpec": content[0]}
    if len(content) > 1:
        spec["platformSpec"] = content[1]
    return [
        {
            "apiVersion": API,
            "kind": "Pipeline",
            "metadata": {"name": name, "labels": labels},
            "spec": {"displayName": name, **described},
        },
        {
            "apiVersion": API,
            "kind": "PipelineVersion",
            "metadata": {"name": version(content), "labels": labels, "annotations": _WAVE},
            "spec": {**spec, **described},
        },
    ]


def text(objects: list[dict[str, Any]]) -> str:
    """Returns the file for the objects: keys sorted, nothing in it of when and where it was made."""
    objects = json.loads(json.dumps(objects))  # parts that both share would become YAML aliases
    return documents.dump(objects, f"{objects[0]['metadata']['name']}: made by `roadworthy compile`, not by hand.")
