import json
import logging

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import format_trace_id
from structlog.contextvars import bound_contextvars

from perdure.config.telemetry import TelemetrySettings
from perdure.telemetry.logs import set_up_logs


@pytest.fixture(autouse=True)
def _restore_logging() -> object:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_has_the_ids_that_are_bound(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("ingest")
    with bound_contextvars(message="EVENTS:7", workflow_id="Order~1"):
        logging.getLogger("anybody").warning("it came")

    line = json.loads(capsys.readouterr().err)
    assert (line["message"], line["workflow_id"]) == ("EVENTS:7", "Order~1")


def test_the_level_and_the_format_are_settings(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("ingest", TelemetrySettings(log_level="debug", log_format="text"))
    logging.getLogger("anybody").debug("a line\nthat pretends")
    set_up_logs("ingest", TelemetrySettings(log_level="error"))
    logging.getLogger("anybody").warning("nobody reads this")

    [line] = capsys.readouterr().err.splitlines()
    assert "debug ingest a line" in line


def test_a_line_is_json_with_service_and_trace(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("ingest")
    with TracerProvider().get_tracer("t").start_as_current_span("s") as span:
        logging.getLogger("anybody").warning("%s came", "it")

    line = json.loads(capsys.readouterr().err or capsys.readouterr().out)
    assert (line["event"], line["level"], line["service"]) == ("it came", "warning", "ingest")
    assert line["trace_id"] == format_trace_id(span.get_span_context().trace_id)
