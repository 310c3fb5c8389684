"""The templates of a workflow: each has a name of its own, and two of the same content are one."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.targets.argo.names import Names
from pipelines.targets.argo.values import Object


@dataclass
class Templates:
    """The templates of a workflow by name; equal ones are one."""

    found: dict[str, Object] = field(default_factory=dict)
    names: Names = field(default_factory=Names)

    def add(self, name: str, body: Object) -> str:
        """Adds a template and returns its name."""
        body = {key: value for key, value in body.items() if value not in ({}, [])}
        number = 1
        while True:
            label = self.names(name if number == 1 else f"{name}-{number}")
            if self.found.setdefault(label, body) == body:
                return label
            number += 1
