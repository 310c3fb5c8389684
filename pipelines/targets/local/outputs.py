"""What a step gave: read from its ``out`` folder and its ``executor_output.json``, as the KFP launcher does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from components import foreign_json
from components.errors import InputError, StepFailedError
from pipelines.targets import ir
from pipelines.targets.local.artifacts import Artifact, digest_of
from pipelines.targets.local.cache import Outputs
from pipelines.targets.local.placeholders import Values
from pipelines.targets.local.values import from_text, typed


def collect(component: ir.Component, values: Values) -> Outputs:
    """Returns every declared output of a step that ended well.

    A parameter is taken from ``executor_output.json`` or else from its file; an artifact is what lies at its path,
    with the metadata from ``executor_output.json``, whether or not it is listed there.

    Raises:
        StepFailedError: A declared output was not written (named), or is not of its type.
    """
    listed = _listed(Path(values.output_file))
    parameters: dict[str, Any] = {}
    artifacts: dict[str, Artifact] = {}
    missing: list[str] = []
    for name, declared in component.outputs.parameters.items():
        file = Path(values.results[name])
        try:
            if name in listed["parameterValues"]:
                parameters[name] = typed(listed["parameterValues"][name], declared.kind)
            elif file.is_file():
                parameters[name] = from_text(file.read_text(encoding="utf-8"), declared.kind)
            else:
                missing.append(name)
        except (InputError, UnicodeDecodeError) as error:
            raise StepFailedError(f"output parameter {name!r}: {error}") from None
    for name in component.outputs.artifacts:
        artifact = _merged(values.outputs[name], listed["artifacts"].get(name, {}))
        if "://" in artifact.path:
            artifacts[name] = replace(artifact, digest=f"uri:{artifact.uri}")
        elif Path(artifact.path).exists():
            artifacts[name] = replace(artifact, digest=digest_of(Path(artifact.path)))
        else:
            missing.append(name)
    if missing:
        raise StepFailedError(
            f"expected the outputs {', '.join(sorted(missing))} to be written, found none at their paths"
        )
    return Outputs(parameters, artifacts)


def _listed(file: Path) -> dict[str, dict[str, Any]]:
    try:
        content = foreign_json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        content = {}
    except (ValueError, OSError) as error:
        raise StepFailedError(f"expected JSON in executor_output.json, found {error}") from None
    if not isinstance(content, dict):
        raise StepFailedError("expected an object in executor_output.json, found something else")
    found = {key: content.get(key, {}) for key in ("parameterValues", "artifacts")}
    if not all(isinstance(part, dict) for part in found.values()):
        raise StepFailedError("expected objects by output's name in executor_output.json, found something else")
    return found


def _merged(given: Artifact, listed: Any) -> Artifact:
    """The step may add metadata, and may say that it put the artifact elsewhere."""
    try:
        first = (listed.get("artifacts") or [{}])[0]
        metadata = {**given.metadata, **first.get("metadata", {})}
        return replace(given, uri=first.get("uri") or given.uri, metadata=metadata)
    except (AttributeError, TypeError, KeyError, IndexError):
        raise StepFailedError(f"expected a list of artifacts for {given.name!r} in executor_output.json") from None
