"""Names under which a person finds what a run made: its pages, ending in ``.html``, and the newest runs.

``latest`` is the newest run, ``<pipeline>-latest`` the newest of a pipeline.

KFP names an artifact's file after the output alone (``page``), which no browser takes for HTML.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from components.whole import replacing
from pipelines.targets.local.records import Result

LATEST = "latest"


def of(result: Result) -> Iterator[tuple[Path, Path]]:
    """Yields the path in the run's folder that each HTML artifact is shown under, and the artifact's own."""
    for record in result.records:
        for name, artifact in record.outputs.artifacts.items():
            if artifact.schema.get("schemaTitle") == "system.HTML":
                yield result.folder / f"{record.label.replace('/', '-')}-{name}.html", Path(artifact.path)


def publish(result: Result) -> None:
    """Links the pages into the run's folder, and beside it, under the names of the newest runs, the run."""
    for shown, page in of(result):
        with replacing(shown) as path:
            try:
                os.link(page, path)
            except OSError:  # another file system, or one without hard links
                shutil.copyfile(page, path)
    for name in (LATEST, f"{result.pipeline}-{LATEST}"):
        with replacing(result.folder.parent / name) as link:
            link.symlink_to(result.folder.name, target_is_directory=True)
