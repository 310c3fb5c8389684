"""The scheduled half of story A: what an endpoint captured in the last hours is judged and, if violated, explained.

::

    collect the window ─> check ─> if violated: explain ─> incident report

A recurring run starts it every hour, after the hour and the capture's rotation are over. Model and baseline are named
by their places: the archive that ``package`` wrote and the folder that ``monitor baseline`` wrote.
"""

from kfp import dsl
from kfp.dsl import Artifact, Model

from components.capture.component import capture
from components.fullgrad.component import explain
from components.monitor.component import check
from components.report.component import incident
from pipelines.placement import on_gpu


@dsl.pipeline(name="monitoring", description="Judge the last hours of captured traffic, explain what is flagged")
def monitoring(
    place: str,
    archive: str,
    baseline: str,
    endpoint: str = "",
    variant: str = "",
    hours: float = 1.0,
    start: str = "",
    end: str = "",
    share_threshold: float = 0.5,
    explained: int = 8,
    gateway: str = "",
    schedule: str = "hourly",
) -> None:
    """One scheduled check.

    Args:
        place: Where the endpoint captures to.
        archive: URI of the served ``model.tar.gz``.
        baseline: URI of the folder that ``monitor baseline`` wrote.
        endpoint: Only this one's records; empty: all.
        variant: Only this one's; empty: all.
        hours: Length of the window, which ends with the last whole hour unless start or end say otherwise.
        start: Of the window, ISO 8601.
        end: Of the window, itself outside.
        share_threshold: Share of one class above which it is predicted too often.
        explained: How many flagged images of a violation are explained at most.
        gateway: Address of a Prometheus push gateway; empty: none.
        schedule: Name of the schedule, for the metrics.
    """
    model = dsl.importer(artifact_uri=archive, artifact_class=Model)
    before = dsl.importer(artifact_uri=baseline, artifact_class=Artifact)
    window = capture(place=place, endpoint=endpoint, variant=variant, start=start, end=end, hours=hours)
    window.set_caching_options(False)
    records = {
        "place": place,
        "endpoint": endpoint,
        "variant": variant,
        "start": window.outputs["window_start"],
        "end": window.outputs["window_end"],
    }
    judged = check(
        baseline=before.output,
        share_threshold=share_threshold,
        gateway=gateway,
        schedule=schedule,
        **records,
    )
    judged.set_caching_options(False)
    with dsl.If(judged.outputs["violated"] == True, name="violated"):  # noqa: E712 -- the DSL overloads ==
        explanation = on_gpu(
            explain(results=judged.outputs["results"], archive=model.output, count=explained, **records)
        )
        explanation.set_caching_options(False)
        incident(
            title="Incident",
            archive=model.output,
            captured=window.outputs["records"],
            baseline=before.output,
            monitor_attacked=judged.outputs["results"],
            explanations=explanation.outputs["explanations"],
        )
