"""What an endpoint on a cluster is: its model, its size, and where it may run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.errors import InputError

# RFC 1035's label: the name of a Service is a name in DNS.
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_CPU = re.compile(r"([0-9]+)(\.[0-9]+)?(m?)")
_MEMORY = re.compile(r"[1-9][0-9]*(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TOLERATION = {
    "key": "key",
    "operator": "operator",
    "value": "value",
    "effect": "effect",
    "toleration_seconds": "tolerationSeconds",
}


def _dns_label(what: str, text: str) -> Iterator[str]:
    """Yields what is wrong with a name that must be a DNS label (RFC 1035)."""
    if not _NAME.fullmatch(text):
        yield f"{what}: expected at most 63 of a-z, 0-9 and '-', a letter first and no '-' last, found {text[:80]!r}"


def _quantity(name: str, text: Any, pattern: re.Pattern[str]) -> Iterator[str]:
    """Yields what is wrong with a quantity of Kubernetes; an empty one is none."""
    if not isinstance(text, str) or (text and not pattern.fullmatch(text)):
        yield f"{name}: expected a quantity as Kubernetes writes it, found {text!r}"


@dataclass(frozen=True)
class Placement:
    """Which nodes an endpoint's pods run on, and with how many GPUs.

    Attributes:
        node_selector: Labels of the nodes.
        tolerations: Of their taints: ``key``, ``operator``, ``value``, ``effect``, ``toleration_seconds``.
        gpus: How many a pod gets.
        cpu: Cores a pod asks for (``3``, ``500m``); empty leaves it to the endpoint.
        memory: That a pod asks for and may use at most (``14G``); empty leaves it to the endpoint.
        shared_memory: Of ``/dev/shm`` (``2Gi``); empty for the container runtime's 64 MB.

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
            raise InputError(f"placement: {problems}")

    @classmethod
    def from_json(cls, text: str) -> Placement:
        """Reads a JSON object with some of the attributes; empty text places nowhere in particular.

        Raises:
            InputError: It is something else.
        """
        try:
            found = json.loads(text) if text else {}
        except ValueError:
            found = None
        known = list(cls.__dataclass_fields__)
        if not isinstance(found, dict) or not set(found) <= set(known):
            raise InputError(f"placement: expected a JSON object of {', '.join(known)}, found {text[:200]!r}")
        return cls(**found)

    def tolerated(self) -> list[dict[str, Any]]:
        """Returns the tolerations as Kubernetes spells them."""
        return [{_TOLERATION[key]: value for key, value in sorted(one.items())} for one in self.tolerations]

    def _problems(self) -> Iterator[str]:
        selector = self.node_selector
        if not isinstance(selector, Mapping) or not all(
            isinstance(part, str) and part for pair in selector.items() for part in pair
        ):
            yield f"expected node_selector as labels with texts that are not empty, found {selector!r}"
        if isinstance(self.gpus, bool) or not isinstance(self.gpus, int) or not 0 <= self.gpus <= 64:
            yield f"expected gpus as a whole number from 0 to 64, found {self.gpus!r}"
        if isinstance(self.tolerations, str) or not all(
            isinstance(one, Mapping) and one and set(one) <= set(_TOLERATION) for one in self.tolerations
        ):
            yield f"expected tolerations as a list of objects of {', '.join(_TOLERATION)}, found {self.tolerations!r}"
        for name, pattern in (("cpu", _CPU), ("memory", _MEMORY), ("shared_memory", _MEMORY)):
            yield from _quantity(name, getattr(self, name), pattern)


@dataclass(frozen=True)
class Endpoint:
    """A model server that the cluster keeps running.

    Attributes:
        name: Of every object, a DNS label.
        archive: Place of the ``model.tar.gz``, ``s3://…``.
        digest: The model's identity, ``sha256:…``; the pods serve nothing else.
        image: Of server and init container.
        namespace: Written into the objects; empty leaves it to whoever applies them.
        owner: Who deployed it, any text; only the same deploys over it or removes it.
        replicas: Pods, at least.
        max_replicas: Pods, at most; above ``replicas`` an autoscaler decides.
        cpu: Cores that a pod asks for.
        memory: That a pod asks for and may use at most.
        placement: Which nodes.
        options: More arguments of ``python -m components.serve run``.

    Raises:
        InputError: With everything that is wrong.
    """

    name: str
    archive: str
    digest: str
    image: str
    namespace: str = ""
    owner: str = ""
    replicas: int = 1
    max_replicas: int = 1
    cpu: str = "1"
    memory: str = "2Gi"
    placement: Placement = Placement()
    options: Sequence[str] = ()

    def __post_init__(self) -> None:
        if problems := "; ".join(self._problems()):
            raise InputError(problems)

    @property
    def asked_cpu(self) -> str:
        """Cores that a pod asks for, the placement's before the endpoint's own."""
        return self.placement.cpu or self.cpu

    @property
    def asked_memory(self) -> str:
        """Memory that a pod asks for, the placement's before the endpoint's own."""
        return self.placement.memory or self.memory

    @property
    def cores(self) -> int:
        """Whole cores that a pod asks for, at least one: as many threads find time on it."""
        found = _CPU.fullmatch(self.asked_cpu)
        whole = int(found[1]) // (1000 if found[3] else 1) if found else 1
        return max(1, whole)

    def _problems(self) -> Iterator[str]:
        yield from _dns_label("name", self.name)
        if self.namespace:
            yield from _dns_label("namespace", self.namespace)
        if not _DIGEST.fullmatch(self.digest):
            yield f"digest: expected sha256: and 64 hexadecimal digits, found {self.digest[:80]!r}"
        if not re.fullmatch(r"\S+", self.image):
            yield f"image: expected the name of an image, found {self.image[:80]!r}"
        if not 1 <= self.replicas <= self.max_replicas:
            yield f"replicas: expected 1 ≤ replicas ≤ max_replicas, found {self.replicas} and {self.max_replicas}"
        for name, pattern in (("cpu", _CPU), ("memory", _MEMORY)):
            if not getattr(self, name):
                yield f"{name}: expected a quantity, found none"
            yield from _quantity(name, getattr(self, name), pattern)
