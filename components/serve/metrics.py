"""What Prometheus sees: KServe's histograms under their own names, and what was queued, refused and captured.

No label ever holds a request's id or a client's text: each new value would be a new time series for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
IMAGES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The metrics of one server, in a registry of their own.

    Args:
        model_name: The value of the label of that name.
    """

    def __init__(self, model_name: str) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "requests", "Requests answered", ["model_name", "protocol", "code"], registry=self.registry
        )
        self._rejected = Counter("rejected", "Requests refused", ["model_name", "reason"], registry=self.registry)
        self.preprocess = self._seconds("request_preprocess_seconds", "From a request's bytes to images", model_name)
        self.predict = self._seconds("request_predict_seconds", "In the model, for the request's batch", model_name)
        self.postprocess = self._seconds("request_postprocess_seconds", "From outputs to an answer", model_name)
        self.batch = Histogram(
            "batch_images", "Images in a batch", ["model_name"], buckets=IMAGES, registry=self.registry
        ).labels(model_name)
        self._name = model_name
        self._counted: dict[tuple[str, int], Counter] = {}

    def count(self, protocol: str, code: int) -> None:
        """Counts one answered request."""
        key = (protocol, code)
        if key not in self._counted:
            self._counted[key] = self._requests.labels(self._name, protocol, str(code))
        self._counted[key].inc()

    def reject(self, reason: str) -> None:
        """Counts one refused request; ``reason`` is a word of ours, never the client's."""
        self._rejected.labels(self._name, reason).inc()

    def gauge(self, name: str, help: str, value: Callable[[], float]) -> None:
        """Shows ``value()`` under ``name`` whenever somebody looks."""
        Gauge(name, help, ["model_name"], registry=self.registry).labels(self._name).set_function(value)

    def capture(self, statistics: Callable[[], Mapping[str, int]]) -> None:
        """Shows a capture writer's counts as ``captured_total`` and ``capture_dropped_total``."""
        self.registry.register(_Counts(statistics, self._name, CAPTURE))

    def tensors(self, statistics: Callable[[], Mapping[str, int]]) -> None:
        """Shows a tensor emitter's counts, ``tensors_dropped_total`` among them."""
        self.registry.register(_Counts(statistics, self._name, TENSORS))

    def page(self) -> bytes:
        """Returns all of them in Prometheus' text format."""
        return generate_latest(self.registry)

    def _seconds(self, name: str, help: str, model_name: str) -> Histogram:
        return Histogram(name, help, ["model_name"], buckets=SECONDS, registry=self.registry).labels(model_name)


CAPTURE = (
    ("captured_total", "captured", "Exchanges taken by the capture"),
    ("dropped_total", "capture_dropped", "Exchanges that could not be kept"),
    ("unstripped_total", "capture_unstripped", "Exchanges with a picture whose metadata could not be removed"),
)
TENSORS = (
    ("tensors_total", "tensors", "Requests taken to record their tensors"),
    ("tensors_written_total", "tensors_written", "Requests whose tensors are in the place"),
    ("tensors_dropped_total", "tensors_dropped", "Requests whose tensors could not be recorded"),
    ("tensors_restarts_total", "tensors_restarts", "Restarts of the process that records"),
    ("tensors_config_errors_total", "tensors_config_errors", "Contents of the settings' file that were refused"),
    ("tensors_enabled", "tensors_enabled", "Whether tensors are recorded"),
)


class _Counts(Collector):
    """Numbers as they are when somebody looks; those whose key ends with ``_total`` only grow."""

    def __init__(
        self, statistics: Callable[[], Mapping[str, int]], model_name: str, shown: Iterable[tuple[str, str, str]]
    ) -> None:
        self._statistics = statistics
        self._name = model_name
        self._shown = tuple(shown)

    def collect(self) -> Iterable[Metric]:
        found = self._statistics()
        for key, name, text in self._shown:
            kind = CounterMetricFamily if key.endswith("_total") else GaugeMetricFamily
            family = kind(name, text, labels=["model_name"])
            family.add_metric([self._name], found.get(key, 0))
            yield family
