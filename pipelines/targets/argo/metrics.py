"""What Prometheus learns from Argo's controller of each step and each run: how long, and how often it failed."""

from __future__ import annotations

from pipelines.targets.argo.values import Object

_BUCKETS = [10.0, 60.0, 300.0, 900.0, 3600.0, 14400.0]
"""Seconds: from a check of an hour's traffic to a training."""


def of_step(pipeline: str, step: str) -> Object:
    """Returns the metrics of a step's template; those of a step that is tried again count each attempt."""
    return _pair("step", {"pipeline": pipeline, "step": step}, duration="{{duration}}", ended="{{status}}")


def of_run(pipeline: str) -> Object:
    """Returns the metrics of the whole workflow."""
    return _pair(
        "run",
        {"pipeline": pipeline},
        duration="{{workflow.duration}}",
        ended="{{workflow.status}}",
    )


def _pair(what: str, labels: dict[str, str], duration: str, ended: str) -> Object:
    shown = [{"key": key, "value": value} for key, value in labels.items()]
    return {
        "prometheus": [
            {
                "name": f"roadworthy_{what}_seconds",
                "help": f"How long a {what} of a pipeline took",
                "labels": shown,
                "histogram": {"buckets": _BUCKETS, "value": duration},
            },
            {
                "name": f"roadworthy_{what}_failures_total",
                "help": f"How often a {what} of a pipeline did not succeed",
                "labels": shown,
                "when": f"{ended} == Failed || {ended} == Error",
                "counter": {"value": "1"},
            },
        ]
    }
