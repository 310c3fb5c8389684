"""The part of Argo CD's ``Application`` and ``AppProject`` (v1alpha1) that our manifests use, closed.

No Python package has Argo CD's schemas. A field that is missing here may be one of Argo CD's: look it up in its
reference, then add it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Metadata(Closed):
    name: str
    namespace: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: list[str] = []


class Source(Closed):
    repoURL: str  # noqa: N815
    path: str
    targetRevision: str  # noqa: N815


class Destination(Closed):
    server: str
    namespace: str


class Automated(Closed):
    prune: bool
    selfHeal: bool  # noqa: N815


class Backoff(Closed):
    duration: str = Field(pattern=r"^[0-9]+[smh]$")
    factor: int
    maxDuration: str = Field(pattern=r"^[0-9]+[smh]$")  # noqa: N815


class Retry(Closed):
    limit: int
    backoff: Backoff


SyncOption = Literal["ServerSideApply=true", "PruneLast=true", "CreateNamespace=false", "ApplyOutOfSyncOnly=true"]


class SyncPolicy(Closed):
    automated: Automated
    syncOptions: list[SyncOption] = []  # noqa: N815
    retry: Retry | None = None


class ApplicationSpec(Closed):
    project: str
    source: Source
    destination: Destination
    syncPolicy: SyncPolicy  # noqa: N815


class Application(Closed):
    apiVersion: Literal["argoproj.io/v1alpha1"]  # noqa: N815
    kind: Literal["Application"]
    metadata: Metadata
    spec: ApplicationSpec


class GroupKind(Closed):
    group: str
    kind: str


class ProjectSpec(Closed):
    description: str
    sourceRepos: list[str]  # noqa: N815
    destinations: list[Destination]
    clusterResourceWhitelist: list[GroupKind] = []  # noqa: N815
    namespaceResourceWhitelist: list[GroupKind] = []  # noqa: N815


class AppProject(Closed):
    apiVersion: Literal["argoproj.io/v1alpha1"]  # noqa: N815
    kind: Literal["AppProject"]
    metadata: Metadata
    spec: ProjectSpec


KINDS: dict[str, type[Closed]] = {"Application": Application, "AppProject": AppProject}
