"""A workflow that has ended, as Argo keeps it, and what its steps left in the store."""

from __future__ import annotations

from typing import Any

from cluster_overlay import Object
from cluster_room import BUCKET, Room


class Story:
    """An ended ``Workflow``.

    Args:
        room: Where it ran.
        name: Of the workflow.
    """

    def __init__(self, room: Room, name: str) -> None:
        self.room, self.name = room, name
        self.workflow = room.get("workflow", name)
        self.nodes = list(self.workflow["status"].get("nodes", {}).values())

    def step(self, name: str) -> Object:
        """Returns the node of a step that ran a pod."""
        (found,) = (node for node in self.nodes if node["displayName"] == name and node["type"] == "Pod")
        return dict(found)

    def phases(self) -> dict[str, str]:
        """Returns the phase of every step; of one that was tried again, of the last try."""
        return {node["displayName"]: node["phase"] for node in self.nodes}

    def value(self, step: str, name: str) -> str:
        """Returns an output parameter of a step."""
        found = self.step(step)["outputs"]["parameters"]
        return next(str(one["value"]) for one in found if one["name"] == name)

    def place(self, step: str, name: str) -> str:
        """Returns where an output artifact of a step lies in the store."""
        found = self.step(step)["outputs"]["artifacts"]
        return next(f"{BUCKET}/{one['s3']['key']}" for one in found if one["name"] == name)

    def texts(self, *places: str) -> dict[str, str]:
        """Returns the content of objects of the store."""
        code = "import json, sys; from components.storage import place; "
        code += "print(json.dumps({one: place(one).read_bytes().decode() for one in sys.argv[1:]}))"
        found: dict[str, str] = self.room.python(code, *places)
        return found


def endpoints(room: Room) -> list[Any]:
    """Returns all that belongs to an endpoint in a namespace."""
    kinds = "deployments,services,horizontalpodautoscalers,poddisruptionbudgets,pods"
    return list(room.get(kinds, "-l", "app.kubernetes.io/component=endpoint")["items"])
