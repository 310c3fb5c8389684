"""All that is asked of the objects of one installation, beside their schemas."""

from __future__ import annotations

from collections.abc import Iterator

import argo_lint
import metric_lint
import network_lint
import object_schemas
import pod_lint
import reference_lint
import rights_lint
from metric_lint import Series
from pod_lint import Object

ARGO = ("WorkflowTemplate", "CronWorkflow")


def schemas(documents: list[Object]) -> Iterator[str]:
    """Yields what the schemas say."""
    for one in documents:
        for problem in object_schemas.problems(one):
            yield f"{one.get('kind')}/{one.get('metadata', {}).get('name')}: {problem}"


def problems(documents: list[Object], beside: list[Object], exported: Series) -> list[str]:
    """Returns what is wrong with an installation: with its objects' schemas, else with what they mean together.

    Args:
        documents: Its objects.
        beside: Those that an administrator has applied before.
        exported: What the programs export (``exported_metrics``).
    """
    return list(schemas(documents)) or [
        *pod_lint.problems(documents),
        *reference_lint.problems(documents, beside),
        *network_lint.problems(documents),
        *rights_lint.problems(documents),
        *metric_lint.problems(documents, exported),
        *argo_lint.problems([one for one in documents if one["kind"] in ARGO]),
    ]
