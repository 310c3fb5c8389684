"""What a replay of a dataset measured at the endpoint."""

from __future__ import annotations

from components.capture.records import Records
from components.report import metrics as flat
from components.report import wording
from components.report.blocks import Figures
from components.report.lineage import Link
from components.report.page import Section


def section(metrics: flat.Metrics) -> Section:
    """Returns the section."""
    found = proofs(metrics)
    skip = ("images", "right") if "accuracy" in found else ()
    lead = "Images of the dataset were sent to the running endpoint, and its answers compared with their classes."
    return Section("Traffic", [Figures(flat.figures(metrics, found, skip=skip))], lead)


def link(metrics: flat.Metrics | None, records: Records | None) -> Link:
    """Returns the endpoint's place in the lineage, by what was seen of it."""
    images = None if metrics is None else metrics.get("images")
    told = [f"{wording.count(images)} images sent"] if isinstance(images, int) else []
    told += [f"{wording.count(records.events)} records captured"] if records is not None else []
    return Link("Endpoint", "its traffic", note=", ".join(told))


def proofs(metrics: flat.Metrics) -> dict[str, str]:
    """Returns what the figures rest on, where the metrics tell it, by their names."""
    right, images = metrics.get("right"), metrics.get("images")
    if not isinstance(images, int):
        return {}
    whole = f"{wording.count(images)} images"
    latencies = {name: f"{whole}, retries included" for name in metrics if name.startswith("latency_")}
    return {"accuracy": f"{wording.count(right)} of {whole}" if isinstance(right, int) else whole, **latencies}
