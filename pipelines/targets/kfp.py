"""Compiles pipelines to KFP's IR, byte for byte the same each time."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from components.errors import PipelineError
from pipelines.targets import documents, ir, parse

Documents = list[Any]


def compiled(pipeline: Any) -> Documents:
    """Returns the IR of a ``@dsl.pipeline``: its PipelineSpec and, where steps are placed, its PlatformSpec.

    Args:
        pipeline: What the decorator made.

    Raises:
        PipelineError: The KFP SDK is not installed, or refuses the pipeline.
    """
    try:
        from kfp import compiler
    except ImportError:
        raise PipelineError("expected the KFP SDK, found none: pip install 'roadworthy[pipelines]'") from None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        try:
            compiler.Compiler().compile(pipeline, str(path))
        except (ValueError, TypeError, RuntimeError) as error:  # the SDK has no exception of its own above these
            raise PipelineError(f"{getattr(pipeline, 'name', pipeline)}: {error}") from error
        return documents.load_file(path)


def text(content: Documents) -> str:
    """Returns the file for a compiled pipeline: keys sorted, nothing in it of when and where it was made."""
    name = content[0]["pipelineInfo"]["name"]
    return documents.dump(content, f"{name}: made by `roadworthy compile`, not by hand.")


def checked(pipeline: Any) -> tuple[Documents, ir.Pipeline]:
    """Returns the IR as documents and as views; raises UnsupportedError for what no target could run."""
    content = compiled(pipeline)
    return content, parse.parse(content, str(getattr(pipeline, "name", "pipeline")))
