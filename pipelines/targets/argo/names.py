"""Names that Kubernetes and Argo take: DNS labels, short enough, and different where they were different before."""

from __future__ import annotations

import hashlib
import re

TASK = 63
"""Characters of a task's or template's name: pods and labels carry it."""

PIPELINE = 52
"""Of a WorkflowTemplate's: a CronWorkflow of its name adds eleven for each run, and 63 is a label's limit."""

_DIGEST = 6


def label(name: str, limit: int = TASK) -> str:
    """Returns a DNS-1123 label (RFC 1123) made from a name; one that had to be cut ends in a digest of the whole.

    It begins with a letter: Argo's ``depends`` takes no digit there.
    """
    clean = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not clean or clean[0].isdigit():
        clean = f"x-{clean}".strip("-")
    return clean if len(clean) <= limit else _marked(clean, name, limit)


def _marked(clean: str, name: str, limit: int) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return clean[: limit - _DIGEST - 1].rstrip("-") + "-" + digest


class Names:
    """Gives names to the members of one group; two of them never share one."""

    def __init__(self, limit: int = TASK) -> None:
        self.limit = limit
        self._given: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """Returns the label of a member; the same each time."""
        if name not in self._given:
            found = label(name, self.limit)
            if found in self._given.values():
                found = _marked(found, name, self.limit)
            self._given[name] = found
        return self._given[name]
