"""Sets up tracing: spans go to a file of the local engine, to an OTLP endpoint, or both."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from perdure.errors import SetupError
from perdure.telemetry.error_texts import TextlessExporter
from perdure.telemetry.prompt_processor import PromptSpanProcessor
from perdure.telemetry.span_file import SpanFileExporter

__all__ = ["Provider", "tracing"]

_OTLP: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOL: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HTTP: Final = "http/protobuf"
_GRPC: Final = "grpc"
_FLUSH_EVERY: Final = 200  # milliseconds: a killed process loses at most the spans of this time


class Provider(Protocol):
    """The methods of a tracer provider used here; Temporal's replay-safe provider has them too."""

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Add a processor that receives every span."""

    def shutdown(self) -> None:
        """Flush and close all processors."""


@contextmanager
def tracing(
    service: str,
    *,
    folder: Path | None,
    create: Callable[[Resource], Provider] | None = None,
    error_texts: bool = True,
) -> Iterator[None]:
    """Export the spans of this process for the duration of the block.

    Args:
        service: The resource attribute ``service.name``.
        folder: The folder of span files, or None; ``OTEL_EXPORTER_OTLP_*`` adds a collector.
        create: Creates the provider; the orchestrator passes Temporal's.
        error_texts: Whether spans show the messages of errors.

    Raises:
        SetupError: ``OTEL_EXPORTER_OTLP_PROTOCOL`` names no protocol that can be used.
    """
    resource = Resource.create({SERVICE_NAME: service})
    provider = create(resource) if create else TracerProvider(resource=resource, shutdown_on_exit=False)
    if folder is not None:
        exporter = _exporter(SpanFileExporter(folder, service), error_texts=error_texts)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_FLUSH_EVERY))
    if any(os.environ.get(name) for name in _OTLP):
        provider.add_span_processor(PromptSpanProcessor(_exporter(_otlp_exporter(), error_texts=error_texts)))
    trace.set_tracer_provider(provider)  # type: ignore[arg-type]  # Temporal's provider has no common base with the SDK's
    try:
        yield
    finally:
        provider.shutdown()


def _otlp_exporter() -> SpanExporter:
    """Return the exporter of the protocol that OpenTelemetry's variables name."""
    protocol = next((value for name in _PROTOCOL if (value := os.environ.get(name))), _HTTP)
    if protocol == _HTTP:
        from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: PLC0415 (slow import)

        return trace_exporter.OTLPSpanExporter()
    if protocol != _GRPC:
        raise SetupError(f"{_PROTOCOL[-1]} is {protocol}: write `{_HTTP}` or `{_GRPC}`.")
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 (likewise)
    except ImportError as error:
        raise SetupError(f"{_PROTOCOL[-1]} is {_GRPC}: install `perdure[otlp-grpc]`.") from error
    return OTLPSpanExporter()


def _exporter(exporter: SpanExporter, *, error_texts: bool) -> SpanExporter:
    return exporter if error_texts else TextlessExporter(exporter)
