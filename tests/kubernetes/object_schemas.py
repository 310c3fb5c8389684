"""Holds one object against the schema of its kind, unknown fields forbidden at every depth.

======================================  ============================================================================
objects                                 schemas
======================================  ============================================================================
Kubernetes' own                         ``kubernetes-validate``, strict, for each of ``VERSIONS``
Argo Workflows                          hera's models, generated from Argo's
KServe                                  the tables of the package ``kserve`` (``kserve_schema``)
Prometheus operator, Flux               cloudcoil's models, generated from their CRDs
Argo CD                                 the part we use, by hand (``argocd_objects``)
KFP's Pipeline and PipelineVersion      none here: ``tests/pipelines`` holds them against KFP's protobufs
======================================  ============================================================================
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import argo_objects
import argocd_objects
import kserve_schema
from cloudcoil.models.fluxcd.kustomize import v1 as flux_kustomize
from cloudcoil.models.fluxcd.source import v1 as flux_source
from cloudcoil.models.prometheus_operator import v1 as prometheus
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from referencing import Registry, Resource

Object = Mapping[str, Any]

VERSIONS = ("1.30", "1.32", "1.34", "1.36", "1.37")
"""Of Kubernetes: from the oldest that clouds still run to the newest with a schema."""

MODELS: dict[tuple[str, str], Any] = {
    **{("argoproj.io/v1alpha1", kind): model for kind, model in argo_objects.KINDS.items()},
    **{("argoproj.io/v1alpha1", kind): model for kind, model in argocd_objects.KINDS.items()},
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"): flux_kustomize.Kustomization,
    ("source.toolkit.fluxcd.io/v1", "GitRepository"): flux_source.GitRepository,
    ("monitoring.coreos.com/v1", "PodMonitor"): prometheus.PodMonitor,
    ("monitoring.coreos.com/v1", "PrometheusRule"): prometheus.PrometheusRule,
    ("monitoring.coreos.com/v1", "ServiceMonitor"): prometheus.ServiceMonitor,
}
ELSEWHERE = "pipelines.kubeflow.org/"


def problems(one: Object) -> Iterator[str]:
    """Yields what is wrong with an object, each as where and what."""
    api_version, kind = str(one.get("apiVersion")), str(one.get("kind"))
    if (api_version, kind) in MODELS:
        yield from _modelled(one, MODELS[api_version, kind])
    elif (api_version, kind) in kserve_schema.KINDS:
        yield from _errors(_kserve(api_version, kind), one, "KServe")
    elif api_version.startswith(ELSEWHERE):
        return
    elif "/" in api_version and "." in api_version and not api_version.partition("/")[0].endswith(".k8s.io"):
        yield f"no schema for {api_version} {kind}"
    else:
        for version in VERSIONS:
            found = list(_core(version, api_version, kind, one))
            yield from found
            if found:  # what one version says, the next would say again
                return


def _modelled(one: Object, model: Any) -> Iterator[str]:
    try:
        model.model_validate(one, extra="forbid")
    except ValidationError as error:
        for wrong in error.errors():
            yield f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}"


def _core(version: str, api_version: str, kind: str, one: Object) -> Iterator[str]:
    validator = _validator(version, api_version, kind)
    if validator is None:
        yield f"Kubernetes {version} has no {api_version} {kind}"
    else:
        yield from _errors(validator, one, f"Kubernetes {version}")


def _errors(validator: Draft202012Validator, one: Object, source: str) -> Iterator[str]:
    for error in validator.iter_errors(one):
        yield f"{'.'.join(map(str, error.path))}: {error.message[:200]} ({source})"


@cache
def _validator(version: str, api_version: str, kind: str) -> Draft202012Validator | None:
    # rbac.authorization.k8s.io/v1 Role is the file role-rbac-v1.json.
    name = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    file = _schemas(version) / f"{kind.lower()}-{name}.json"
    if not file.is_file():
        return None
    return Draft202012Validator(json.loads(file.read_text(encoding="utf-8")), registry=_registry(version))


@cache
def _kserve(api_version: str, kind: str) -> Draft202012Validator:
    newest = VERSIONS[-1]
    schema = kserve_schema.schema(api_version, kind, _definitions(newest)["$defs"])
    schema["$id"] = f"https://kubernetes.io/kserve/{kind}.json"
    return Draft202012Validator(schema, registry=_registry(newest))


@cache
def _registry(version: str) -> Registry[Any]:
    return Resource.from_contents(_definitions(version)) @ Registry()


@cache
def _definitions(version: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_schemas(version) / "_definitions.json").read_text(encoding="utf-8"))
    return found


def _schemas(version: str) -> Any:
    return files("kubernetes_validate") / "kubernetes-json-schema" / f"v{version}.0-local-strict"
