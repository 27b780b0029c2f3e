"""The text of a failure: as Temporal's history and the log get it, and as anybody's worker has written it there."""

import logging
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import PayloadConverter
from temporalio.exceptions import ApplicationError, CancelledError

from perdure.connections.temporal_logs import LOGGERS_OF_FAILURES
from perdure.flow.error_text import error_text, message_of, placed_error_text
from perdure_orchestrator.failure_converter import failure_converter, failure_text
from perdure_orchestrator.failure_log import redacted_failures

TRACE = '  File "/srv/other/orders.py", line 42, in pay\n    raise Declined\n'
SECRET = Payload(metadata={"encoding": b"binary/encrypted"}, data=b"?")


def test_payloads_that_only_its_writer_can_read_do_not_matter() -> None:
    cause = Failure(message="no money", stack_trace=TRACE)
    cause.application_failure_info.type = "Declined"
    cause.application_failure_info.details.payloads.append(SECRET)
    failure = Failure(message="Activity task failed", cause=cause)
    failure.activity_failure_info.activity_type.name = "pay"

    assert failure_text(failure) == "no money (/srv/other/orders.py:42)"


def test_a_timeout_with_heartbeat_details_is_named() -> None:
    failure = Failure(message="activity StartToClose timeout")
    failure.timeout_failure_info.last_heartbeat_details.payloads.append(SECRET)

    assert failure_text(failure) == "activity StartToClose timeout"


class Unreadable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (ValueError("no money"), "no money"),
        (404, "404"),
        (None, "None"),
        (Unreadable(), "its text cannot be read: RuntimeError"),
    ],
    ids=["an error", "a number", "nothing", "what has no text"],
)
def test_a_message_that_is_no_text_is_reported_and_written_all_the_same(message: Any, text: str) -> None:
    error, failure = ApplicationError(message, non_retryable=True), Failure()

    failure_converter(str)().to_failure(error, PayloadConverter.default, failure)

    assert (message_of(error), error_text(error)) == (text, text)
    assert placed_error_text(error).startswith(text)
    assert (failure.message, failure.application_failure_info.non_retryable) == (text, True)


class Declined(Exception): ...


@pytest.mark.parametrize(("kind", "name"), [(Declined, "Declined"), (404, "404")], ids=["a class", "a number"])
def test_a_type_that_is_no_text_is_reported_and_written_all_the_same(kind: Any, name: str) -> None:
    error, failure = ApplicationError("", type=kind), Failure()

    failure_converter(str)().to_failure(error, PayloadConverter.default, failure)

    assert (error_text(error), placed_error_text(error)) == (name, name)
    assert failure.application_failure_info.type == name


@pytest.mark.parametrize(
    "detail",
    ["key sk-1", b"key sk-1", {"headers": [{"Authorization": "key sk-1"}]}, 'a "key sk-1"\n'],
    ids=["text", "bytes", "an object", "text with marks"],
)
@pytest.mark.parametrize("kind", [ApplicationError, CancelledError])
def test_details_are_written_without_keys(kind: Any, detail: Any) -> None:
    failure = Failure()
    error = kind("refused", detail, {"pages": 3})

    failure_converter(lambda text: text.replace("sk-1", "***"))().to_failure(error, PayloadConverter.default, failure)

    found: Any = failure_converter(str)().from_failure(failure, PayloadConverter.default)
    assert "sk-1" not in str(failure)
    assert "key ***" in str(found.details[0])
    assert (type(found.details[0]), found.details[1]) == (type(detail), {"pages": 3})


def test_the_causes_of_a_cancellation_are_written_without_keys() -> None:
    failure, error = Failure(), CancelledError("sk-1")
    error.__cause__ = ApplicationError("sk-1", "sk-1")

    failure_converter(lambda text: text.replace("sk-1", "***"))().to_failure(error, PayloadConverter.default, failure)

    assert "sk-1" not in str(failure)
    assert failure.cause.message == "***"


@pytest.mark.parametrize(
    "more", [{"details": object()}, {"next_retry_delay": 5}, {"category": "odd"}], ids=lambda more: next(iter(more))
)
def test_an_error_with_parts_that_cannot_be_written_is_written_without_them(more: dict[str, Any]) -> None:
    details = [more.pop("details")] if "details" in more else []
    error, failure = ApplicationError("refused", *details, type="Declined", non_retryable=True, **more), Failure()

    failure_converter(str)().to_failure(error, PayloadConverter.default, failure)

    written = failure.application_failure_info
    assert failure.message.startswith("refused (what was raised with it cannot be written: ")
    assert (written.type, written.non_retryable) == ("Declined", True)


def test_a_failure_that_cannot_be_shown_is_logged_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    def redact(text: str) -> str:
        raise LookupError(text)

    with redacted_failures(redact):
        logging.getLogger(LOGGERS_OF_FAILURES[0]).warning("failed: %s", "sk-1", exc_info=ValueError("sk-2"))

    assert "a failure, ValueError, cannot be shown: LookupError" in caplog.text
    assert "sk-" not in caplog.text
