"""Rules for KFP's documents and objects: kfp's own protobufs, and what KFP's API server and webhook ask for.

Every function returns what is wrong, one text each. Sources: api/v2alpha1/pipeline_spec.proto and
kubernetes_platform/proto/kubernetes_executor_config.proto (through the messages that kfp brings), and
backend/src/apiserver/webhook/pipelineversion_webhook.go of kubeflow/pipelines.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes
from kfp.pipeline_spec import pipeline_spec_pb2 as spec

LIMIT = 1_000_000
API = "pipelines.kubeflow.org/v2beta1"
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
PIPELINE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def documents(content: Sequence[Any]) -> Iterator[str]:
    """Checks the documents of an IR file: each field at any depth must be one of kfp's messages'."""
    if not content or not isinstance(content[0], dict):
        yield "no pipeline spec"
        return
    yield from _message(content[0], spec.PipelineSpec(), "pipelineSpec")
    executors = content[0].get("deploymentSpec", {}).get("executors", {})
    for name, executor in executors.items():
        yield from _message(executor, spec.PipelineDeploymentConfig.ExecutorSpec(), name)
    used = {one.get("executorLabel") for one in content[0].get("components", {}).values()} - {None}
    yield from (f"{name}: used and not there" for name in sorted(used - set(executors)))
    name = content[0].get("pipelineInfo", {}).get("name", "")
    if not PIPELINE.fullmatch(name):
        yield f"pipelineInfo.name {name!r} is no name"
    for platform in content[1:]:
        yield from _message(platform, spec.PlatformSpec(), "platformSpec")
        placed = platform.get("platforms", {}).get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
        for label, config in placed.items():
            yield from _message(config, kubernetes.KubernetesExecutorConfig(), f"platform of {label}")
            if label not in executors:
                yield f"platform of {label}: there is no such executor"
            if "nodeSelector" in config and not config["nodeSelector"].get("labels"):
                yield f"platform of {label}: an empty node selector"


def objects(found: Sequence[Any]) -> Iterator[str]:
    """Checks the Kubernetes-native objects of one pipeline."""
    names = [(one.get("kind"), one.get("metadata", {}).get("name")) for one in found]
    if [kind for kind, _ in names] != ["Pipeline", "PipelineVersion"]:
        yield f"expected a Pipeline before its PipelineVersion, found {names}"
        return
    for one in found:
        if one.get("apiVersion") != API:
            yield f"apiVersion {one.get('apiVersion')!r}"
        if unknown := set(one) - {"apiVersion", "kind", "metadata", "spec"}:
            yield f"unknown fields {sorted(unknown)}"
        metadata = one["metadata"]
        if unknown := set(metadata) - {"name", "namespace", "labels", "annotations"}:
            yield f"unknown metadata {sorted(unknown)}"
        if not SUBDOMAIN.fullmatch(metadata["name"]) or len(metadata["name"]) > 253:
            yield f"name {metadata['name']!r} is no DNS subdomain"
        for key, value in metadata.get("labels", {}).items():
            if len(value) > 63 or not re.fullmatch(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", value):
                yield f"label {key}: {value!r} is no value of a label"
        if len(json.dumps(one)) > LIMIT:
            yield f"over {LIMIT} bytes"
    pipeline, version = (one["spec"] for one in found)
    if unknown := set(pipeline) - {"displayName", "description"}:
        yield f"unknown fields {sorted(unknown)} of the Pipeline"
    known = {"pipelineName", "displayName", "description", "codeSourceURL", "pipelineSpec", "platformSpec"}
    if unknown := set(version) - known:
        yield f"unknown fields {sorted(unknown)} of the PipelineVersion"
    if len(names[0][1]) > 63:
        yield "the pipeline's name is no label's value"
    if version.get("pipelineName") != names[0][1]:
        yield f"pipelineName {version.get('pipelineName')!r} is not the Pipeline"
    content = [version.get("pipelineSpec"), *([version["platformSpec"]] if "platformSpec" in version else [])]
    if not str(names[1][1]).endswith("-" + digest(content)):
        yield f"the version's name {names[1][1]!r} has not the digest of its content"
    yield from documents(content)


def digest(content: Sequence[Any]) -> str:
    """The digest that a version's name carries: of all documents as JSON with sorted keys and no spaces."""
    text = json.dumps(list(content), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def uploaded(text: str) -> list[Any]:
    """Reads a file as KFP's API server does with one that comes from the UI (v2_template.go).

    Every YAML document counts; one of them is the pipeline's spec, one the platform's for Kubernetes, others are
    passed over in silence: that is how a second document gets lost.
    """
    pipelines, platforms = [], []
    for document in yaml.safe_load_all(text):
        if document is None:
            continue
        if "pipelineInfo" in document or "root" in document:
            pipelines.append(document)
            continue
        try:
            message = json_format.ParseDict(document, spec.PlatformSpec())
        except json_format.ParseError:
            continue
        if "kubernetes" in message.platforms:
            platforms.append(document)
    if len(pipelines) != 1 or len(platforms) > 1:
        raise ValueError(f"expected one pipeline and at most one platform, found {len(pipelines)} and {len(platforms)}")
    return [*pipelines, *platforms]


def _message(value: Any, message: Any, where: str) -> Iterator[str]:
    try:
        json_format.ParseDict(value, message)
    except (json_format.ParseError, TypeError, AttributeError) as error:
        yield f"{where}: {error}"
