"""Compiles the IR to Argo Workflows: a ``WorkflowTemplate``, and a ``CronWorkflow`` where there is a schedule.

=================================  ==================================================================================
IR                                 Argo (4.0.7, 3.7.16 or later)
=================================  ==================================================================================
container                          a container template, command resolved, ``{{$}}`` as JSON
parameters                         text, as KFP's launcher would write it; a last newline of a file is dropped
artifacts                          by key in the cluster's artifact repository; their metadata stays in
                                   ``executor_output.json`` beside them and is not handed on
``dsl.If``, ``Elif``, ``Else``     ``when``
``dsl.ParallelFor``, ``Collected`` a DAG of its own with ``withParam`` and ``parallelism``
``dsl.OneOf``                      an expression over the branches' states
``dsl.ExitHandler``                ``onExit`` where it guards the whole pipeline, else a task that runs in any case
retries                            ``retryStrategy``, also after errors of the node
importer                           a step that copies (``python -m components.storage``)
``IfPresent``, ``Concat``          resolved: what a step is given is known when it is compiled
``{{$.pipeline_root}}``            the workflow parameter ``pipeline-root`` and the workflow's name
caching                            none: every step runs
=================================  ==================================================================================

What the namespace must have: an artifact repository of the S3 kind as its default, a ServiceAccount
``roadworthy-pipelines`` with the rights of Argo's executor, where pods get no rights to buckets from the cloud a Secret
``roadworthy-storage`` with the ``AWS_…`` variables, and for the schedule a ConfigMap ``monitoring-parameters``.

Raised, by the step's name: lists of artifacts and loops over them, images, resources and secrets named by parameters,
metadata of artifacts in commands, outputs that a skipped or failed step may not have made, optional pipeline parameters
without a default, backoff factors that are not whole, texts with ``{{``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pipelines.targets import documents
from pipelines.targets.argo.cron import SCHEDULES, cron_workflow
from pipelines.targets.argo.workflow import arguments, workflow_template

__all__ = ["arguments", "compiled", "text", "workflow_template"]


def compiled(content: Sequence[Any]) -> list[dict[str, Any]]:
    """Translates the documents of an IR file to Kubernetes objects.

    Raises:
        PipelineError: They are no compiled pipeline.
        UnsupportedError: A step has no faithful counterpart; it is named.
    """
    template = workflow_template(content)
    schedule = SCHEDULES.get(content[0]["pipelineInfo"]["name"])
    return [template, cron_workflow(template, schedule)] if schedule else [template]


def text(objects: list[dict[str, Any]]) -> str:
    """Returns the file for the objects: keys sorted, nothing in it of when and where it was made."""
    objects = json.loads(json.dumps(objects))  # parts that several objects share would become YAML aliases
    return documents.dump(objects, f"{objects[0]['metadata']['name']}: made by `roadworthy compile`, not by hand.")
