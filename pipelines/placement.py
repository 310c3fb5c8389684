"""Where steps run: GPU profiles, the only place that knows the names of nodes.

A pipeline marks the steps that gain by a GPU, ``on_gpu(task)``; which nodes those are is chosen when it is compiled::

    roadworthy compile --profile g4dn

A profile is data. Users add theirs in a YAML file (``--profiles my.yaml``), with the fields of ``Placement``::

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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from components.errors import InputError
from components.serve.deploy.kubernetes.placement import Placement
from pipelines.targets import documents

GPU = "nvidia.com/gpu"
_SHARED = "/dev/shm"  # noqa: S108 - the kernel's, which Kubernetes mounts a volume over
_TOLERATION = {"key": GPU, "operator": "Exists", "effect": "NoSchedule"}

PROFILES = {
    "cpu": Placement(),
    "g4dn": Placement(
        {"node.kubernetes.io/instance-type": "g4dn.xlarge"}, (_TOLERATION,), 1, "3", "14G", shared_memory="2Gi"
    ),  # 4 cores and 16 GiB, of which the kubelet keeps some
    "t4-gke": Placement(
        {"cloud.google.com/gke-accelerator": "nvidia-tesla-t4"}, (_TOLERATION,), 1, shared_memory="2Gi"
    ),
    "gpu-any": Placement(
        {"nvidia.com/gpu.present": "true"}, (_TOLERATION,), 1, shared_memory="2Gi"
    ),  # the label is GPU feature discovery's
}

_chosen: ContextVar[Placement] = ContextVar("profile", default=PROFILES["cpu"])


@contextmanager
def using(profile: Placement) -> Iterator[None]:
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
    return "" if profile == Placement() else json.dumps(asdict(profile), sort_keys=True)


def on_gpu(task: Any) -> Any:
    """Places a step by the chosen profile and returns it; under ``cpu`` it is left as it is."""
    profile = _chosen.get()
    if profile.gpus:
        task.set_accelerator_type(GPU).set_accelerator_limit(profile.gpus)
    if profile.cpu:
        task.set_cpu_request(profile.cpu)
    if profile.memory:
        task.set_memory_limit(profile.memory)
    if profile != Placement():
        _place(task, profile)
    return task


def _place(task: Any, profile: Placement) -> None:
    from kfp import kubernetes

    for label, value in profile.node_selector.items():
        kubernetes.add_node_selector(task, label_key=label, label_value=value)
    for toleration in profile.tolerations:
        kubernetes.add_toleration(task, **toleration)
    if profile.shared_memory:
        size = profile.shared_memory
        kubernetes.empty_dir_mount(task, volume_name="shm", mount_path=_SHARED, medium="Memory", size_limit=size)


def profiles(path: Path | None = None) -> dict[str, Placement]:
    """Returns the profiles by name, a file's beside (and over) the built-in ones.

    Raises:
        InputError: The file is no YAML object of profiles; says what is wrong with which.
    """
    if path is None:
        return dict(PROFILES)
    content = documents.load_file(path)[0]
    known = [f.name for f in fields(Placement)]
    if not isinstance(content, Mapping) or not all(isinstance(one, Mapping) for one in content.values()):
        raise InputError(f"{path}: expected profiles by name, each with some of {', '.join(known)}, found another form")
    found = dict(PROFILES)
    for name, given in content.items():
        if unknown := sorted(set(map(str, given)) - set(known)):
            raise InputError(f"{path}: {name}: expected some of {', '.join(known)}, found {', '.join(unknown)}")
        try:
            found[str(name)] = Placement(**given)
        except InputError as error:
            raise InputError(f"{path}: {name}: {error}") from None
    return found


def choose(name: str, path: Path | None = None) -> Placement:
    """Returns a profile by its name.

    Raises:
        InputError: There is none of that name, or the file is not what it should be.
    """
    found = profiles(path)
    if name not in found:
        raise InputError(f"expected a profile among {', '.join(sorted(found))}, found {name!r}")
    return found[name]
