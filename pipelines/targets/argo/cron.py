"""Schedules as Argo ``CronWorkflow`` objects.

What a schedule's pipeline must be told and has no default, as the place of the captured traffic, belongs to the
cluster: it is read from a ConfigMap called ``<pipeline>-parameters``, one key a parameter, with the label
``workflows.argoproj.io/configmap-type: Parameter`` that Argo asks for.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.targets.argo.values import Object


@dataclass(frozen=True)
class Schedule:
    """When a pipeline runs by itself.

    Attributes:
        cron: Five fields: minute, hour, day, month, day of the week.
        timezone: Of the IANA data base; UTC has no hour twice.
        deadline: Seconds that a run may begin late, after the controller was away; later, it waits for the next.
    """

    cron: str
    timezone: str = "Etc/UTC"
    deadline: int = 600


SCHEDULES = {
    # Ten minutes past: the window ends with the last whole hour, and the captures' rotation must be over.
    "monitoring": Schedule("10 * * * *")
}


def cron_workflow(template: Object, schedule: Schedule) -> Object:
    """Returns the schedule of a ``WorkflowTemplate``; two runs never overlap."""
    name = template["metadata"]["name"]
    declared = template["spec"].get("arguments", {}).get("parameters", [])
    needed = [
        {
            "name": one["name"],
            "valueFrom": {"configMapKeyRef": {"name": f"{name}-parameters", "key": one["name"]}},
        }
        for one in declared
        if "value" not in one
    ]
    spec: Object = {"workflowTemplateRef": {"name": name}}
    if needed:
        spec["arguments"] = {"parameters": needed}
    return {
        "apiVersion": template["apiVersion"],
        "kind": "CronWorkflow",
        "metadata": {"name": name, "labels": template["metadata"]["labels"]},
        "spec": {
            "schedules": [schedule.cron],
            "timezone": schedule.timezone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": schedule.deadline,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 5,
            "workflowSpec": spec,
        },
    }
