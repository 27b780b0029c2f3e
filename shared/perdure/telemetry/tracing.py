"""Where spans go: to a file of the local engine, to an OTLP endpoint, or both."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from perdure.telemetry.span_file import SpanFileExporter

__all__ = ["Provider", "tracing"]

_OTLP: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_FLUSH_EVERY: Final = 200  # milliseconds: what a killed process may lose of its trace


class Provider(Protocol):
    """The part of a tracer provider that is needed here; Temporal's replay-safe one has it too."""

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Send spans there too."""

    def shutdown(self) -> None:
        """Flush and close."""


@contextmanager
def tracing(
    service: str, *, folder: Path | None, create: Callable[[Resource], Provider] | None = None
) -> Iterator[None]:
    """Make spans of this process known for as long as the block lasts.

    Args:
        service: Becomes the resource attribute ``service.name``.
        folder: Where spans are kept on disk, if they are; ``OTEL_EXPORTER_OTLP_*`` adds a collector.
        create: Makes the provider; the orchestrator needs Temporal's.
    """
    resource = Resource.create({SERVICE_NAME: service})
    provider = create(resource) if create else TracerProvider(resource=resource, shutdown_on_exit=False)
    if folder is not None:
        exporter = SpanFileExporter(folder, service)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_FLUSH_EVERY))
    if any(os.environ.get(name) for name in _OTLP):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 (slow import)

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)  # type: ignore[arg-type]  # Temporal's provider has no common base with the SDK's
    try:
        yield
    finally:
        provider.shutdown()
