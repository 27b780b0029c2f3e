"""Writes errors into Temporal's history: bounded, without the worker's keys, and each of them whatever it is.

temporalio cannot write an error whose text raises, or is no UTF-8, or whose details are no JSON: the step would wait
for its timeout. Temporal takes no failure over 2 MB and none that is nested deeper than a hundred causes.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal

from nexusrpc import HandlerError
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverter, PayloadConverter
from temporalio.exceptions import ApplicationError, FailureError

from perdure.flow.error_text import Redact, cause_of, message_of, placed_error_text, type_of
from perdure_orchestrator.agents.redaction import redact_json

__all__ = ["BoundedFailureConverter", "failure_converter", "failure_text"]

_LONGEST: Final = 16_000  # characters of a message, which a run may read
_LONGEST_TRACE: Final = 16_000  # characters; both ends are kept
_CAUSES: Final = 10
_Info = Literal["application_failure_info", "timeout_failure_info", "canceled_failure_info"]
_PAYLOADS: Final[Sequence[tuple[_Info, str]]] = (
    ("application_failure_info", "details"),
    ("timeout_failure_info", "last_heartbeat_details"),
    ("canceled_failure_info", "details"),
)


class BoundedFailureConverter(DefaultFailureConverter):
    """The converter of a plugin."""

    redact: Callable[[str], str] = str

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """Write an error with its causes; see the base class."""
        error, redact = exception, type(self).redact
        for _ in range(_CAUSES):
            if _is_written_whole(error):
                super().to_failure(error, payload_converter, failure)  # with its causes
                if not (isinstance(error, FailureError) and error.failure):
                    _redact_chain(failure, redact)
                return
            self._write_alone(error, payload_converter, failure)
            cause = cause_of(error)
            if cause is None:
                return
            error, failure = cause, failure.cause

    def _write_alone(self, error: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """Write an error without its causes."""
        redact = type(self).redact
        try:
            super().to_failure(_alone(error, redact), payload_converter, failure)
        except Exception as broken:  # noqa: BLE001 (code of the author: a failure is reported in any case)
            failure.Clear()
            super().to_failure(_bare(error, broken, redact), payload_converter, failure)
        failure.stack_trace = _short(redact(failure.stack_trace))
        for payload in _payloads(failure):
            _redact_payload(payload, redact)


def failure_converter(redact: Redact) -> type[BoundedFailureConverter]:
    """Return the converter that masks keys in this way; temporalio makes its instances itself."""
    return type("FailureConverter", (BoundedFailureConverter,), {"redact": staticmethod(redact)})


def failure_text(failure: Failure) -> str:
    """Return the text of a failure that is in Temporal's history, with the author's line and the causes."""
    converter = DefaultFailureConverter()
    return placed_error_text(converter.from_failure(_without_payloads(failure), PayloadConverter.default))


def _without_payloads(failure: Failure) -> Failure:
    """Return a copy without details: maybe only its writer can decode them."""
    copy = Failure()
    copy.CopyFrom(failure)
    for inner in _chain(copy):
        for info, field in _PAYLOADS:
            if inner.HasField(info):
                getattr(inner, info).ClearField(field)
    return copy


def _chain(failure: Failure) -> Iterator[Failure]:
    """Yield a failure and its causes."""
    yield failure
    while failure.HasField("cause"):
        failure = failure.cause
        yield failure


def _payloads(failure: Failure) -> Iterator[Payload]:
    """Yield the details of a failure, without those of its causes."""
    for info, field in _PAYLOADS:
        if failure.HasField(info):
            yield from getattr(getattr(failure, info), field).payloads


def _redact_chain(failure: Failure, redact: Redact) -> None:
    for inner in _chain(failure):
        inner.message, inner.stack_trace = redact(inner.message), redact(inner.stack_trace)
        for payload in _payloads(inner):
            _redact_payload(payload, redact)


def _redact_payload(payload: Payload, redact: Redact) -> None:
    if payload.metadata["encoding"].startswith(b"json/"):
        value = json.loads(payload.data)
        if (redacted := redact_json(value, redact)) != value:
            payload.data = json.dumps(redacted).encode()
    else:
        text = payload.data.decode(errors="surrogateescape")
        payload.data = redact(text).encode(errors="surrogateescape")


def _is_written_whole(error: BaseException) -> bool:
    """Return whether temporalio writes the error with its causes: most come from a history."""
    if isinstance(error, ApplicationError):
        return error.failure is not None
    return isinstance(error, FailureError | HandlerError)


def _alone(error: BaseException, redact: Redact) -> ApplicationError:
    """Return a copy without causes."""
    if isinstance(error, ApplicationError):
        copy = ApplicationError(
            message_of(error, redact, longest=_LONGEST),
            *error.details,
            type=type_of(error),
            non_retryable=error.non_retryable,
            next_retry_delay=error.next_retry_delay,
            category=error.category,
        )
    else:
        is_group = isinstance(error, BaseExceptionGroup)
        text = placed_error_text(error, redact=redact) if is_group else message_of(error, redact, longest=_LONGEST)
        copy = ApplicationError(text, type=type(error).__name__)
    return copy.with_traceback(error.__traceback__)


def _bare(error: BaseException, broken: Exception, redact: Redact) -> ApplicationError:
    """Return a copy without causes, and without what cannot be written."""
    why = f"{type(broken).__name__}: {message_of(broken, redact)}"
    text = f"{message_of(error, redact, longest=_LONGEST)} (what was raised with it cannot be written: {why})"
    if isinstance(error, ApplicationError):
        copy = ApplicationError(text, type=type_of(error), non_retryable=error.non_retryable)
    else:
        copy = ApplicationError(text, type=type(error).__name__)
    return copy.with_traceback(error.__traceback__)


def _short(trace: str) -> str:
    half = _LONGEST_TRACE // 2
    return trace if len(trace) <= _LONGEST_TRACE else f"{trace[:half]}\n…\n{trace[-half:]}"
