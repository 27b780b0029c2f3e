"""Metrics that libraries record through OpenTelemetry's API, such as those of model requests."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CollectorRegistry

__all__ = ["metering"]


@contextmanager
def metering(registry: CollectorRegistry) -> Iterator[None]:
    """Show in a registry, for the duration of the block, what this process records; once in a process."""
    reader = PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False, registry=registry)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    metrics.set_meter_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()
