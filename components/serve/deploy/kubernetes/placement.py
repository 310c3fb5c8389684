"""Which nodes pods run on: of an endpoint, and, as a profile, of the steps of a pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components import foreign_json
from components.errors import InputError
from components.serve.deploy.kubernetes.quantities import CPU, MEMORY, quantity

_TOLERATION = {
    "key": "key",
    "operator": "operator",
    "value": "value",
    "effect": "effect",
    "toleration_seconds": "tolerationSeconds",
}


@dataclass(frozen=True)
class Placement:
    """What pods ask of the cluster.

    Attributes:
        node_selector: Labels of the nodes, texts.
        tolerations: Of their taints: ``key``, ``operator``, ``value``, ``effect``, ``toleration_seconds``.
        gpus: How many a pod gets; 0 for none.
        cpu: Cores a pod asks for, as Kubernetes writes it (``3``, ``500m``); empty for no request of the placement's.
        memory: A pod may use at most (``14G``); empty for no limit of the placement's.
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

    @classmethod
    def from_json(cls, text: str) -> Placement:
        """Reads a JSON object with some of the attributes; empty text places nowhere in particular.

        Raises:
            InputError: It is something else.
        """
        try:
            found = foreign_json.loads(text) if text else {}
        except ValueError:
            found = None
        known = list(cls.__dataclass_fields__)
        if not isinstance(found, dict) or not set(found) <= set(known):
            raise InputError(f"placement: expected a JSON object of {', '.join(known)}, found {text[:200]!r}")
        try:
            return cls(**found)
        except InputError as error:
            raise InputError(f"placement: {error}") from None

    def tolerated(self) -> list[dict[str, Any]]:
        """Returns the tolerations as Kubernetes spells them."""
        return [{_TOLERATION[key]: value for key, value in sorted(one.items())} for one in self.tolerations]

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
        for name, pattern in (("cpu", CPU), ("memory", MEMORY), ("shared_memory", MEMORY)):
            yield from quantity(name, getattr(self, name), pattern)
        if not isinstance(self.tolerations, Sequence) or isinstance(self.tolerations, str):
            yield f"tolerations: expected a list, found {self.tolerations!r}"
            return
        for one in self.tolerations:
            if not isinstance(one, Mapping) or not one or not set(one) <= set(_TOLERATION):
                yield f"tolerations: expected objects of {', '.join(sorted(_TOLERATION))}, found {one!r}"
