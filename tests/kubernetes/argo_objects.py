"""Checks files of Argo objects: ``python tests/kubernetes/argo_objects.py FILE…``; exit status 1 and a line a problem.

The schemas are hera's models, which are generated from Argo's, with unknown fields forbidden at every depth.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import argo_lint
import yaml
from hera.workflows import models
from pydantic import ValidationError

KINDS = {"WorkflowTemplate": models.WorkflowTemplate, "CronWorkflow": models.CronWorkflow}


def problems(path: Path) -> list[str]:
    """Returns what is wrong with a file: with its objects' schemas, else with what they refer to."""
    documents = list(yaml.safe_load_all(path.read_text()))
    found = [problem for document in documents for problem in _schema(document)]
    return found or argo_lint.problems(documents)


def _schema(document: Mapping[str, Any]) -> list[str]:
    if document.get("apiVersion") != "argoproj.io/v1alpha1" or document.get("kind") not in KINDS:
        return [f"no object of Argo's: {document.get('apiVersion')} {document.get('kind')}"]
    try:
        KINDS[document["kind"]].model_validate(document, extra="forbid")
    except ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return []


def main(paths: Sequence[str]) -> int:
    found = [f"{path}: {problem}" for path in paths for problem in problems(Path(path))]
    print("\n".join(found) or f"{len(paths)} files, nothing wrong")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
