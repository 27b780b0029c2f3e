"""A metric as the documents name it and as Prometheus reads it."""

from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily

__all__ = ["MOST_COMBINATIONS", "OTHER", "BoundedCounter", "Metric", "Service"]

Service = Literal["audit", "notifier", "orchestrator", "ingest"]

MOST_COMBINATIONS: Final = 500
"""So many combinations of label values a counter has; names that users choose are not bounded otherwise."""

_PARTS: Final = ("bucket", "count", "sum")

OTHER: Final = "other"
"""The label values of all further combinations."""


@dataclass(frozen=True, slots=True)
class Metric:
    """The name, the labels and the meaning of a metric.

    Attributes:
        name: As exposed, with the unit; counters end in ``_total``.
        kind: Its type in Prometheus.
        meaning: A sentence for people.
        labels: Names of its labels.
        services: The services that expose it; all of them by default.
        buckets: Upper bounds of a histogram.
        rare: Whether it is there only in some suites, so that a usual suite may lack it.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    services: tuple[Service, ...] = ("audit", "notifier", "orchestrator", "ingest")
    buckets: tuple[float, ...] = ()
    rare: bool = False

    @property
    def samples(self) -> tuple[str, ...]:
        """The names under which Prometheus keeps its values."""
        return tuple(f"{self.name}_{it}" for it in _PARTS) if self.kind == "histogram" else (self.name,)

    def counter(self, registry: CollectorRegistry) -> "BoundedCounter":
        """Return a new counter in a registry."""
        return BoundedCounter(self, registry)

    def histogram(self, registry: CollectorRegistry) -> Histogram:
        """Return a new histogram in a registry."""
        return Histogram(self.name, self.meaning, self.labels, registry=registry, buckets=self.buckets)

    def gauge(self) -> GaugeMetricFamily:
        """Return a gauge without values, for one answer."""
        return GaugeMetricFamily(self.name, self.meaning, labels=self.labels)

    def value(self, value: float) -> GaugeMetricFamily:
        """Return a gauge without labels, for one answer."""
        return GaugeMetricFamily(self.name, self.meaning, value=value)


class BoundedCounter:
    """A counter that counts further combinations of labels as one, once there are too many."""

    def __init__(self, metric: Metric, registry: CollectorRegistry) -> None:
        self._counter = Counter(metric.name, metric.meaning, metric.labels, registry=registry)
        self._other = (OTHER,) * len(metric.labels)
        self._known = set[tuple[str, ...]]()

    def add(self, *labels: str, amount: float = 1) -> None:
        """Add to the count of these label values, in the order of the metric's labels."""
        if labels not in self._known:
            if len(self._known) >= MOST_COMBINATIONS:
                labels = self._other
            else:
                self._known.add(labels)
        (self._counter.labels(*labels) if labels else self._counter).inc(amount)
