"""The description of a scenes folder, ``dataset.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from components.data.scenes.index import FORMAT, TASK
from components.errors import DatasetError

_MAX_ABOUT = 1024 * 1024


def read_about(path: Path) -> dict[str, Any]:
    """Returns the description, each key of its kind.

    Raises:
        DatasetError: There is none, it is no JSON, or of another format or task.
    """
    try:
        with path.open("rb") as file:
            about = json.loads(file.read(_MAX_ABOUT))
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: expected a dataset's description, found {type(error).__name__}: {error}") from None
    kinds = {"format": int, "task": str, "name": str, "source": str, "seed": int, "labels": list, "notes": list}
    kinds |= {"counts": dict, "digest": str}
    if not isinstance(about, dict) or any(type(about.get(key)) is not kind for key, kind in kinds.items()):
        raise DatasetError(f"{path}: expected {', '.join(f'{k} ({v.__name__})' for k, v in kinds.items())}")
    if (about["format"], about["task"]) != (FORMAT, TASK):
        found = f"{about['format']} and {about['task']!r}"
        raise DatasetError(f"{path}: expected the format {FORMAT} and the task {TASK!r}, found {found}")
    if not about["labels"] or not all(isinstance(text, str) for text in (*about["labels"], *about["notes"])):
        raise DatasetError(f"{path}: expected lists of texts as labels and notes, found {str(about['labels'])[:80]}")
    return about
