"""Leaves the texts of errors and requests out of logs and spans: with encryption on they may hold what is encrypted."""

import traceback
from collections.abc import Sequence
from typing import Final

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status
from structlog.typing import EventDict, WrappedLogger

__all__ = ["TextlessExporter", "textless_traceback"]

_TEXTS: Final = {"exception.message", "exception.stacktrace"}  # OpenTelemetry's conventions for exceptions
_REQUEST: Final = "perdure.request_id"  # of the span of an approval, whose name has the title
_CAUSES: Final = 10


def textless_traceback(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the error of a log record by its traceback: classes and lines, without messages."""
    error = event.pop("exc_info", None)
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["exception"] = "\n".join(_described(error))
    return event


class TextlessExporter(SpanExporter):
    """Exports spans through another exporter, without the texts of errors and the titles of approval requests.

    Args:
        exporter: The other exporter.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export copies of the spans."""
        return self._exporter.export([_textless(span) for span in spans])

    def shutdown(self) -> None:
        """Shut the other exporter down."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the other exporter."""
        return self._exporter.force_flush(timeout_millis)


def _described(error: BaseException) -> list[str]:
    lines, found = list[str](), error
    for _ in range(_CAUSES):
        lines += [line.rstrip() for line in traceback.format_tb(found.__traceback__)]
        lines.append(f"{type(found).__module__}.{type(found).__qualname__} (its text is left out: encryption is on)")
        cause = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
        if cause is None:
            break
        lines.append("because of")
        found = cause
    return lines


def _textless(span: ReadableSpan) -> ReadableSpan:
    is_request = _REQUEST in (span.attributes or ())
    has_text = any(_TEXTS & set(event.attributes or ()) for event in span.events)
    if span.status.description is None and not has_text and not is_request:
        return span
    return ReadableSpan(
        name=span.name.partition(" ")[0] if is_request else span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes,
        events=[_textless_event(event) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _textless_event(event: Event) -> Event:
    kept = {name: value for name, value in (event.attributes or {}).items() if name not in _TEXTS}
    return Event(event.name, attributes=kept, timestamp=event.timestamp)
