"""The text of a failure: as Temporal's history and the log get it, and as anybody's worker has written it there."""

import logging
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import PayloadConverter
from temporalio.exceptions import ApplicationError

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


def test_a_failure_that_cannot_be_shown_is_logged_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    def redact(text: str) -> str:
        raise LookupError(text)

    with redacted_failures(redact):
        logging.getLogger(LOGGERS_OF_FAILURES[0]).warning("failed: %s", "sk-1", exc_info=ValueError("sk-2"))

    assert "a failure, ValueError, cannot be shown: LookupError" in caplog.text
    assert "sk-" not in caplog.text
