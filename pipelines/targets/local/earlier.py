"""Runs that need not be made again: as ``make`` knows what is up to date, by content instead of time.

The cache spares single steps. What talks to a running server is never in it, so a run of which everything else is kept
still starts that server. Here a whole run is looked for: same pipeline, parameters, data and code, ended well, and
what it made is still as it was.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.errors import RoadworthyError
from components.package import keys
from pipelines.targets import ir, store
from pipelines.targets.local import backends, plan, records
from pipelines.targets.local.artifacts import digest_of
from pipelines.targets.local.cache import key_of

_DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""What reading a summary may raise that is not as it was written."""


def key(pipeline: ir.Pipeline, parameters: Mapping[str, Any], backend: backends.Backend) -> str:
    """Returns a digest of everything that decides what a run gives; empty where that cannot be known before it runs.

    Files and folders on this machine that a parameter or an import names count by their content; what lies in a bucket
    counts by its address, as it does for the cache.

    Args:
        pipeline: What is run.
        parameters: Checked and complete.
        backend: Where its steps run.
    """
    containers = [step.component.body for step in plan.steps(pipeline) if isinstance(step.component.body, ir.Container)]
    importers = [step.component.body for step in plan.steps(pipeline) if isinstance(step.component.body, ir.Importer)]
    constants = [body.uri.value for body in importers if isinstance(body.uri, ir.Constant)]
    try:
        identities = [backend.identity(body.image, [*body.command, *body.args]) for body in containers]
    except RoadworthyError:  # an image that a parameter names
        return ""
    return key_of(
        {
            "pipeline": repr(pipeline),
            "parameters": dict(parameters),
            "files": [digest_of(path) for path in _files([*parameters.values(), *constants])],
            "backend": backend.name,
            "keys": [*(store.signer(body.command) for body in containers), os.environ.get(keys.PUBLIC, "")],
            "identities": identities,
        }
    )


def find(root: Path, pipeline: str, key: str) -> Path | None:
    """Returns the folder of the newest run with this key that succeeded and still holds all that it made.

    Args:
        root: Where runs lie.
        pipeline: The pipeline's name.
        key: Of the run that would be made; an empty one has no earlier run.
    """
    if not key:
        return None
    whole = (path.parent for path in _newest_first(root, pipeline) if _is_whole(path, key))
    return next(whole, None)


def report(folder: Path) -> str:
    """Returns the closing words for a run that need not be made."""
    summary = _read(folder / records.SUMMARY)
    links = [f"  open: {path}" for path in sorted(folder.glob("*.html"))]
    closing = f"{summary['pipeline']}: nothing has changed since the run of {summary['finished']}; nothing was run"
    return "\n".join([closing, *links, f"  results: {folder}", f"  summary: {folder / records.SUMMARY}"])


def _files(values: list[Any]) -> Iterator[Path]:
    for value in values:
        if isinstance(value, str) and value and "\0" not in value:
            path = Path(value.removeprefix("file://"))
            try:
                exists = path.exists()
            except OSError:  # a text too long for a name
                continue
            if exists and path.parent != path:  # not the whole machine
                yield path


def _newest_first(root: Path, pipeline: str) -> list[Path]:
    found = [path for path in root.glob(f"{pipeline}-*/{records.SUMMARY}") if not path.parent.is_symlink()]
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def _is_whole(path: Path, key: str) -> bool:
    try:
        summary = _read(path)
        return (
            summary["key"] == key
            and summary["state"] == records.SUCCEEDED
            and all(
                digest_of(Path(made["path"])) == made["digest"]
                for step in summary["steps"]
                for made in step["outputs"]["artifacts"].values()
            )
        )
    except _DAMAGE:
        return False


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
