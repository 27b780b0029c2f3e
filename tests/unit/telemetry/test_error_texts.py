import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from perdure.telemetry.error_texts import TextlessExporter, textless_traceback


def test_a_span_keeps_the_class_of_an_error_and_loses_its_text() -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(TextlessExporter(kept)))

    with (
        pytest.raises(ValueError, match="secret"),
        provider.get_tracer("test").start_as_current_span("step", attributes={"perdure.step": "pay"}),
    ):
        raise ValueError("secret")
    (span,) = kept.get_finished_spans()

    assert "secret" not in span.to_json()
    assert span.status.status_code is StatusCode.ERROR
    assert dict(span.attributes or {}) == {"perdure.step": "pay"}
    assert dict(span.events[0].attributes or {})["exception.type"] == "ValueError"


def test_the_span_of_an_approval_loses_the_title_of_its_request() -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(TextlessExporter(kept)))

    with provider.get_tracer("test").start_as_current_span("approval secret", attributes={"perdure.request_id": "w.1"}):
        pass
    (span,) = kept.get_finished_spans()

    assert span.name == "approval"
    assert dict(span.attributes or {}) == {"perdure.request_id": "w.1"}


def test_a_traceback_in_a_log_keeps_lines_and_classes_and_loses_texts() -> None:
    with pytest.raises(ValueError, match="secret too") as raised:
        raise ValueError("secret too") from KeyError("secret")
    error = raised.value

    event = textless_traceback(None, "", {"event": "failed", "exc_info": (type(error), error, None)})

    lines = [line for line in event["exception"].splitlines() if "raise ValueError" not in line]  # of the code itself
    assert not any("secret" in line for line in lines)
    assert "builtins.ValueError (its text is left out: encryption is on)" in event["exception"]
    assert "builtins.KeyError (its text is left out" in event["exception"]
    assert "test_error_texts.py" in event["exception"]
