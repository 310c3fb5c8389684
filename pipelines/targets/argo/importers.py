"""Importers as steps: a place is copied into the run, and from there handed on like any step's artifact.

Argo could name an artifact by its key, but only in its own bucket. The copy may come from any place that
``components.storage`` reads, and a place with nothing in it fails this step and not the one that needed it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from components.artifacts import image
from components.errors import UnsupportedError
from pipelines.targets import ir


def as_step(component: ir.Component, importer: ir.Importer) -> ir.Component:
    """Returns the importer as a container component; its URI becomes the input ``uri``, its metadata is left behind.

    Raises:
        UnsupportedError: The URI is neither text nor an input.
    """
    name = next(iter(component.outputs.artifacts), "artifact")
    uri: Any = importer.uri
    if isinstance(uri, ir.FromInput):
        source = f"{{{{$.inputs.parameters['{uri.name}']}}}}"
    elif isinstance(uri, ir.Constant) and isinstance(uri.value, str):
        source = uri.value
    else:
        raise UnsupportedError(f"expected the URI of an artifact, found {uri!r}")
    body = ir.Container(
        image=image("analysis"),
        command=("python", "-m", "components.storage"),
        args=(source, f"{{{{$.outputs.artifacts['{name}'].path}}}}"),
    )
    outputs = {name: ir.ArtifactKind(importer.schema)}
    return replace(component, outputs=ir.Interface(artifacts=outputs), body=body)
