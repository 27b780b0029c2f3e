"""The section ``telemetry:``: what processes write about themselves."""

from typing import Literal

from perdure.config.section import Section

__all__ = ["TelemetrySettings"]


class TelemetrySettings(Section):
    """Logs and traces of the services; `OTEL_EXPORTER_OTLP_*` and `OTEL_TRACES_SAMPLER` configure what leaves them.

    Attributes:
        log_level: Records below it are dropped. Like `log_format`, it is read again at the signal `SIGUSR1`.
        log_format: `json`: an object a line. `text`: for people.
        span_files: Whether spans are written to `traces` in the state folder, which `perdure runs trace` reads.
    """

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"
    span_files: bool = True
