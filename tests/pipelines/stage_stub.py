"""Stands in for a stage in the comparison of targets: says what it was given, and makes of it all that it should give.

Arguments: a label, an object of what to do (``fail``: labels that end badly; ``values``: output parameters by name),
then the stage's own command line. Each output is a digest of that command line, with what lies at its paths in the
paths' place. So two runs that end with the same outputs had the same values and files at every step on the way.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any


def main(label: str, plan: dict[str, Any], command: list[str]) -> int:
    at = command.index("--executor-input")
    executor = json.loads(command[at + 1])
    said = command[:at] + command[at + 2 :]
    outputs = executor.get("outputs", {})
    files = {name: one["outputFile"] for name, one in outputs.get("parameters", {}).items()}
    made = {name: one["artifacts"][0] for name, one in outputs.get("artifacts", {}).items()}
    places = {one.get("path") or one["uri"]: name for name, one in made.items()}
    names = {**places, **{file: name for name, file in files.items()}}
    seen = [_plain(word, names) for word in said]
    given = sorted(executor.get("inputs", {}).get("parameterValues", {}).items())
    print(json.dumps({"label": label, "command": seen}))
    if label in plan.get("fail", []):
        return 3
    known = [label, seen, [[name, _plain(_text(value), names)] for name, value in given]]
    digest = hashlib.sha256(json.dumps(known).encode()).hexdigest()
    for name, file in files.items():
        _write(Path(file), plan.get("values", {}).get(name, digest[:8]))
    for place, name in places.items():
        _write(Path(place), f"{label} {name} {digest}")
    return 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _plain(word: str, names: dict[str, str]) -> str:
    if word in names:
        return f"<out {names[word]}>"
    if word.startswith("/") and Path(word).is_file():
        return f"<{Path(word).read_text()}>"
    if word.startswith("{") and "pipelineJobName" in word:
        # Names and ids are the run's own, and Argo says less of an error.
        status = json.loads(word)
        return f"<{status['pipelineTaskName']} {status['state']} {sorted(status.get('error') or {})}>"
    # Where a run keeps its places differs by nature; what it calls them there does not.
    return re.sub(r"^/.*/([^/]+)$", r"<root>/\1", word)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]))
