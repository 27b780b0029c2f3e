"""Logs as lines on standard error, with the ids of the current trace, message and run."""

import logging
import sys
from typing import Final

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, WrappedLogger

from perdure.config.telemetry import TelemetrySettings
from perdure.telemetry.error_texts import textless_traceback
from perdure.values.printable import one_line

__all__ = ["set_up_logs"]

_DEFAULT: Final = TelemetrySettings()
_VERBOSE: Final = ("faststream", "httpx", "httpx2", "httpcore", "mcp", "nats", "uvicorn")


def set_up_logs(service: str, settings: TelemetrySettings = _DEFAULT, *, error_texts: bool = True) -> None:
    """Format all records of the standard library's loggers through structlog; may be called again.

    Args:
        service: The name of the service.
        settings: Their level and format.
        error_texts: Whether tracebacks show the messages of errors.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _add_core_fields,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace_ids,
        lambda _logger, _method, event: {"service": service, **event},
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info if error_texts else textless_traceback,
                structlog.processors.JSONRenderer() if settings.log_format == "json" else _to_text,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    for name in _VERBOSE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _to_text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Return a line for people, and the traceback below it."""
    traceback = event.pop("exception", "")
    head = " ".join(str(event.pop(name, "")) for name in ("timestamp", "level", "service", "event"))
    fields = "".join(f" {name}={value!r}" for name, value in event.items())
    return "\n".join([f"{one_line(head)}{fields}", *([traceback] if traceback else [])])


def _add_core_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the record of the Temporal SDK's Rust core by what it holds: its module and its fields."""
    record = event.pop("temporal_log", None)
    return event if record is None else {**record.fields, **event, "target": record.target}


def _add_trace_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event
