"""KFP's intermediate representation (``PipelineSpec``, schema 2.1.0) as typed views.

A ``Pipeline`` holds components; a component's body is a ``Dag`` of tasks, a ``Container`` or an ``Importer``. ``parse``
(in ``targets.parse``) makes them out of the YAML and refuses what these views cannot say. Source of the names:
``api/v2alpha1/pipeline_spec.proto`` of kubeflow/pipelines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

SCHEMA: Final = "2.1.0"

KINDS: Final = ("STRING", "NUMBER_INTEGER", "NUMBER_DOUBLE", "BOOLEAN", "LIST", "STRUCT", "TASK_FINAL_STATUS")
"""KFP's parameter types that can be run."""


class Absent:
    """The type of ``ABSENT``: no value at all, where None would be KFP's null."""

    def __repr__(self) -> str:
        return "absent"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = Absent()


@dataclass(frozen=True)
class Parameter:
    """A declared parameter: ``kind`` is one of ``KINDS``, ``choices`` the literals it may take (empty: any)."""

    kind: str
    default: Any = ABSENT
    optional: bool = False
    description: str = ""
    choices: tuple[Any, ...] = ()


@dataclass(frozen=True)
class ArtifactKind:
    """A declared artifact: ``schema`` is its type as KFP writes it, ``{"schemaTitle": "system.Model", …}``."""

    schema: Mapping[str, str]
    many: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Interface:
    """What a component takes or gives, by name."""

    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    artifacts: Mapping[str, ArtifactKind] = field(default_factory=dict)


@dataclass(frozen=True)
class Constant:
    """A value from the pipeline's text; texts in it may hold placeholders."""

    value: Any


@dataclass(frozen=True)
class FromTask:
    """The output ``key`` of the task ``task`` beside it."""

    task: str
    key: str


@dataclass(frozen=True)
class FromInput:
    """The input ``name`` of the enclosing component; ``member`` picks one field of a STRUCT."""

    name: str
    member: str | None = None


@dataclass(frozen=True)
class FinalStatus:
    """How the task ``task`` ended, as KFP's PipelineTaskFinalStatus."""

    task: str


Source = Constant | FromTask | FromInput | FinalStatus


@dataclass(frozen=True)
class Retry:
    """How often a failed step is tried again; before the n-th, ``wait · factorⁿ⁻¹`` seconds pass, at most ``most``."""

    times: int = 0
    wait: float = 0.0
    factor: float = 2.0
    most: float = 3600.0


@dataclass(frozen=True)
class Loop:
    """One run per item: of ``items`` (a constant list), or of the list in the input ``source``.

    The item is given to the component as its input ``item``; at most ``limit`` runs at a time, 0 for no limit.
    """

    item: str
    items: tuple[Any, ...] | None
    source: str | None
    over_artifacts: bool = False
    limit: int = 0


@dataclass(frozen=True)
class Task:
    """A use of a component.

    ``always``: it runs however those before it ended. ``exits``: it is the exit handler of a group, so it runs even
    after an interrupt.
    """

    name: str
    component: str
    parameters: Mapping[str, Source] = field(default_factory=dict)
    artifacts: Mapping[str, Source] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    condition: str | None = None
    always: bool = False
    exits: bool = False
    cacheable: bool = False
    retry: Retry = Retry()
    loop: Loop | None = None


@dataclass(frozen=True)
class Dag:
    """Tasks by name; each output is the first of its sources that exists (several: ``dsl.OneOf``)."""

    tasks: Mapping[str, Task]
    parameters: Mapping[str, tuple[FromTask, ...]] = field(default_factory=dict)
    artifacts: Mapping[str, tuple[FromTask, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Container:
    """A command in an image; its texts may hold placeholders.

    ``timeout`` is in seconds. ``secrets`` maps environment variables that the cluster takes from a Secret or ConfigMap
    to whether they may be missing.
    """

    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    secrets: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Importer:
    """Hands on an artifact that exists already; its URI is a constant or an input parameter."""

    uri: Source
    schema: Mapping[str, str]
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Component:
    """An interface and what stands behind it."""

    name: str
    inputs: Interface
    outputs: Interface
    body: Dag | Container | Importer


@dataclass(frozen=True)
class Pipeline:
    """A compiled pipeline."""

    name: str
    description: str
    root: Component
    components: Mapping[str, Component]

    def images(self) -> tuple[str, ...]:
        """Returns the images of all its steps, each once, sorted; one that a parameter names is known only in a run."""
        bodies = [component.body for component in self.components.values()]
        images = {body.image for body in bodies if isinstance(body, Container)}
        return tuple(sorted(image for image in images if "{{" not in image))
