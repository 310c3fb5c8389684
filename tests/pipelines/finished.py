"""A run that is over, as the tests look into it."""

from __future__ import annotations

import json
from typing import Any

from pipelines.targets.local.records import Result


class Ran:
    """A finished run: its summary, and shorthands for looking into it."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.folder = result.folder
        self.state = result.state
        self.summary: dict[str, Any] = json.loads((result.folder / "summary.json").read_text())
        self.steps = {step["step"]: step for step in self.summary["steps"]}
        self.states = {name: step["state"] for name, step in self.steps.items()}
        self.outputs = {**self.summary["outputs"]["parameters"]}

    def value(self, step: str, name: str) -> Any:
        return self.steps[step]["outputs"]["parameters"][name]

    def artifact(self, step: str, name: str) -> dict[str, Any]:
        return self.steps[step]["outputs"]["artifacts"][name]

    def log(self, step: str) -> str:
        return (self.folder / step / "log.txt").read_text()

    def ran(self) -> set[str]:
        return {name for name, step in self.steps.items() if step["attempts"]}
