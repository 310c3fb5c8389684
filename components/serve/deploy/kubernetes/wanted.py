"""What an endpoint on a cluster is: its model, its size, and where it may run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from components.errors import InputError
from components.serve.deploy.kubernetes.placement import Placement
from components.serve.deploy.kubernetes.quantities import CPU, MEMORY, quantity

# RFC 1035's label: the name of a Service is a name in DNS.
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def _dns_label(what: str, text: str) -> Iterator[str]:
    """Yields what is wrong with a name that must be a DNS label (RFC 1035)."""
    if not _NAME.fullmatch(text):
        yield f"{what}: expected at most 63 of a-z, 0-9 and '-', a letter first and no '-' last, found {text[:80]!r}"


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
        public_key: PEM text of the key that must have signed the model; empty for no matter.

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
    placement: Placement = field(default_factory=Placement)
    options: Sequence[str] = ()
    public_key: str = ""

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
        found = CPU.fullmatch(self.asked_cpu)
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
        for name, pattern in (("cpu", CPU), ("memory", MEMORY)):
            if not getattr(self, name):
                yield f"{name}: expected a quantity, found none"
            yield from quantity(name, getattr(self, name), pattern)
