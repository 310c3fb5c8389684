"""Where steps run: GPU profiles, the only place that knows the names of nodes.

A pipeline marks the steps that gain by a GPU, ``on_gpu(task)``; which nodes those are is chosen when it is compiled::

    roadworthy compile --profile g4dn

A profile is data. Users add theirs in a YAML file (``--profiles my.yaml``), with the fields of ``Profile``::

    a10g:
      node_selector: {node.kubernetes.io/instance-type: g5.xlarge}
      tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
      gpus: 1
      shared_memory: 2Gi

An endpoint's pods are placed by the same profile (``of_endpoints``); the step that deploys them is not.

Steps that are not marked get no toleration, so that they stay off nodes with the taint that GPU nodes have.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from components.errors import InputError
from pipelines.targets import documents

GPU = "nvidia.com/gpu"
_SHARED = "/dev/shm"  # noqa: S108 - the kernel's, which Kubernetes mounts a volume over
_TOLERATION = {"key": GPU, "operator": "Exists", "effect": "NoSchedule"}
_TOLERATION_KEYS = {"key", "operator", "value", "effect", "toleration_seconds"}


@dataclass(frozen=True)
class Profile:
    """What a step that gains by a GPU asks of the cluster.

    Attributes:
        node_selector: Labels of the nodes, texts.
        tolerations: Of their taints: ``key``, ``operator``, ``value``, ``effect``, ``toleration_seconds``.
        gpus: How many a step gets; 0 for none.
        cpu: Cores it asks for, as Kubernetes writes it (``3``, ``500m``); empty for no request.
        memory: It may use at most (``14G``); empty for no limit.
        shared_memory: Of ``/dev/shm`` (``2Gi``), which data loaders need; empty for the container's 64 MB.

    Raises:
        InputError: With everything that is wrong.
    """

    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: Sequence[Mapping[str, Any]] = ()
    gpus: int = 0
    cpu: str = ""
    memory: str = ""
    shared_memory: str = ""

    def __post_init__(self) -> None:
        if problems := "; ".join(self._problems()):
            raise InputError(problems)

    def _problems(self) -> Iterator[str]:
        if not isinstance(self.node_selector, Mapping) or not all(
            isinstance(part, str) and part for pair in self.node_selector.items() for part in pair
        ):
            # YAML reads `true` and `1` as what they are not: a label is a text, and an empty one selects no node.
            yield f"node_selector: expected labels and values as texts that are not empty, found {self.node_selector!r}"
        if isinstance(self.gpus, bool) or not isinstance(self.gpus, int) or not 0 <= self.gpus <= 64:
            yield f"gpus: expected a whole number from 0 to 64, found {self.gpus!r}"
        elif self.gpus and not self.node_selector and not self.tolerations:
            yield "node_selector, tolerations: expected one of them with gpus, found neither"
        for name in ("cpu", "memory", "shared_memory"):
            if not isinstance(getattr(self, name), str):
                yield f"{name}: expected a text as Kubernetes writes quantities, found {getattr(self, name)!r}"
        if not isinstance(self.tolerations, Sequence) or isinstance(self.tolerations, str):
            yield f"tolerations: expected a list, found {self.tolerations!r}"
            return
        for one in self.tolerations:
            if not isinstance(one, Mapping) or not one or not set(one) <= _TOLERATION_KEYS:
                yield f"tolerations: expected objects of {', '.join(sorted(_TOLERATION_KEYS))}, found {one!r}"


PROFILES = {
    "cpu": Profile(),
    "g4dn": Profile(
        {"node.kubernetes.io/instance-type": "g4dn.xlarge"}, (_TOLERATION,), 1, "3", "14G", shared_memory="2Gi"
    ),  # 4 cores and 16 GiB, of which the kubelet keeps some
    "t4-gke": Profile({"cloud.google.com/gke-accelerator": "nvidia-tesla-t4"}, (_TOLERATION,), 1, shared_memory="2Gi"),
    "gpu-any": Profile(
        {"nvidia.com/gpu.present": "true"}, (_TOLERATION,), 1, shared_memory="2Gi"
    ),  # the label is GPU feature discovery's
}

_chosen: ContextVar[Profile] = ContextVar("profile", default=PROFILES["cpu"])


@contextmanager
def using(profile: Profile) -> Iterator[None]:
    """Pipelines that are traced within are placed by this profile."""
    token = _chosen.set(profile)
    try:
        yield
    finally:
        _chosen.reset(token)


def of_endpoints() -> str:
    """Returns the chosen profile as ``serve deploy`` takes it, JSON; empty under ``cpu``.

    The step that deploys is not placed itself: it only waits, and must not hold the GPU that its endpoint asks for.
    """
    profile = _chosen.get()
    return "" if profile == Profile() else json.dumps(asdict(profile), sort_keys=True)


def on_gpu(task: Any) -> Any:
    """Places a step by the chosen profile and returns it; under ``cpu`` it is left as it is."""
    profile = _chosen.get()
    if profile.gpus:
        task.set_accelerator_type(GPU).set_accelerator_limit(profile.gpus)
    if profile.cpu:
        task.set_cpu_request(profile.cpu)
    if profile.memory:
        task.set_memory_limit(profile.memory)
    if profile != Profile():
        _place(task, profile)
    return task


def _place(task: Any, profile: Profile) -> None:
    from kfp import kubernetes

    for label, value in profile.node_selector.items():
        kubernetes.add_node_selector(task, label_key=label, label_value=value)
    for toleration in profile.tolerations:
        kubernetes.add_toleration(task, **toleration)
    if profile.shared_memory:
        size = profile.shared_memory
        kubernetes.empty_dir_mount(task, volume_name="shm", mount_path=_SHARED, medium="Memory", size_limit=size)


def profiles(path: Path | None = None) -> dict[str, Profile]:
    """Returns the profiles by name, a file's beside (and over) the built-in ones.

    Raises:
        InputError: The file is no YAML object of profiles; says what is wrong with which.
    """
    if path is None:
        return dict(PROFILES)
    content = documents.load_file(path)[0]
    known = [f.name for f in fields(Profile)]
    if not isinstance(content, Mapping) or not all(isinstance(one, Mapping) for one in content.values()):
        raise InputError(f"{path}: expected profiles by name, each with some of {', '.join(known)}, found another form")
    found = dict(PROFILES)
    for name, given in content.items():
        if unknown := sorted(set(map(str, given)) - set(known)):
            raise InputError(f"{path}: {name}: expected some of {', '.join(known)}, found {', '.join(unknown)}")
        try:
            found[str(name)] = Profile(**given)
        except InputError as error:
            raise InputError(f"{path}: {name}: {error}") from None
    return found


def choose(name: str, path: Path | None = None) -> Profile:
    """Returns a profile by its name.

    Raises:
        InputError: There is none of that name, or the file is not what it should be.
    """
    found = profiles(path)
    if name not in found:
        raise InputError(f"expected a profile among {', '.join(sorted(found))}, found {name!r}")
    return found[name]
