"""Compiles pipelines to KFP's IR, byte for byte the same each time."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from components.errors import PipelineError
from components.serve.deploy.kubernetes.placement import Placement
from pipelines import placement
from pipelines.targets import documents, ir, parse, sdk

Documents = list[Any]


def compiled(pipeline: Any, profile: Placement | None = None) -> Documents:
    """Returns the IR of a ``@dsl.pipeline``: its PipelineSpec and, where steps are placed, its PlatformSpec.

    Args:
        pipeline: What the decorator made.
        profile: Where the steps run that gain by a GPU; None leaves the pipeline as the decorator traced it.

    Raises:
        PipelineError: The KFP SDK is not installed, or refuses the pipeline.
    """
    sdk.ready()
    from kfp import compiler

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        try:
            if profile is not None:
                pipeline = _placed(pipeline, profile)
            compiler.Compiler().compile(pipeline, str(path))
        except (ValueError, TypeError, RuntimeError) as error:  # the SDK has no exception of its own above these
            raise PipelineError(f"{getattr(pipeline, 'name', pipeline)}: {error}") from error
        return documents.load(path.read_text(encoding="utf-8"), str(path), own=True)


def text(content: Documents) -> str:
    """Returns the file for a compiled pipeline: keys sorted, nothing in it of when and where it was made."""
    name = content[0]["pipelineInfo"]["name"]
    return documents.dump(content, f"{name}: made by `roadworthy compile`, not by hand.")


def checked(pipeline: Any, profile: Placement | None = None) -> tuple[Documents, ir.Pipeline]:
    """Returns the IR as documents and as views; raises UnsupportedError for what no target could run."""
    content = compiled(pipeline, profile)
    return content, parse.parse(content, str(getattr(pipeline, "name", "pipeline")))


def _placed(pipeline: Any, profile: Placement) -> Any:
    """Returns the pipeline traced once more: the decorator traced it when its module was imported."""
    from kfp import dsl

    with placement.using(profile):
        return dsl.pipeline(name=pipeline.name, description=pipeline.description)(pipeline.pipeline_func)
