"""What Prometheus sees of a sink, beside the requests that every server here counts.

Each endpoint's ``captured_total`` and ``capture_dropped_total`` have the names that a model server gives them, so that
one alert watches both.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from components.serve.metrics import CAPTURE, Metrics
from components.serve.sink.endpoints import Endpoints
from components.serve.sink.events import REQUEST, RESPONSE
from components.serve.sink.pairs import OUTCOMES, Pairs


class _Counts(Collector):
    """The pairs' and the writers' numbers as they are when somebody looks."""

    def __init__(self, pairs: Pairs, endpoints: Endpoints) -> None:
        self._pairs = pairs
        self._endpoints = endpoints

    def collect(self) -> Iterable[Metric]:
        events = CounterMetricFamily("sink_events", "Events by what became of them", labels=["kind", "outcome"])
        for kind in (REQUEST, RESPONSE):
            for outcome in OUTCOMES:
                events.add_metric([kind, outcome], self._pairs.counts[kind, outcome])
        yield events
        yield GaugeMetricFamily("sink_waiting_events", "Events whose other half has not come", len(self._pairs))
        yield GaugeMetricFamily("sink_waiting_bytes", "Bytes of these", self._pairs.held)
        found = self._endpoints.statistics()
        for key, name, text in CAPTURE:
            family = CounterMetricFamily(name, text, labels=["model_name"])
            for endpoint, statistics in found.items():
                family.add_metric([endpoint], statistics[key])
            yield family


def metrics(name: str, pairs: Pairs, endpoints: Endpoints) -> Metrics:
    """Returns a sink's metrics.

    Args:
        name: The sink's, in the label ``model_name`` of the requests.
        pairs: Shown as ``sink_…``.
        endpoints: Shown as ``captured_total`` and ``capture_dropped_total``.
    """
    found = Metrics(name)
    found.registry.register(_Counts(pairs, endpoints))
    return found
