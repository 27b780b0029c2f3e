"""Writes errors into Temporal's history: bounded, without the worker's keys, and each of them whatever it is.

temporalio cannot write an error whose text raises, or is no UTF-8: the step would wait for its timeout. Temporal takes
no failure over 2 MB and none that is nested deeper than a hundred causes.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal

from nexusrpc import HandlerError
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverter, PayloadConverter
from temporalio.exceptions import ApplicationError, FailureError

from perdure.connections.failure_texts import hide_texts
from perdure.flow.error_text import Redact, cause_of, message_of, placed_error_text

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
    """The converter of a plugin.

    Attributes:
        redact: Masks keys.
        encrypted: Whether messages and stack traces become payloads, which the codec encrypts.
    """

    redact: Callable[[str], str] = str
    encrypted: bool = False

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """Write an error with its causes; see the base class."""
        self._write(exception, payload_converter, failure)
        if self.encrypted:
            hide_texts(failure, payload_converter)

    def _write(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        error: BaseException | None = exception
        for _ in range(_CAUSES):
            if error is None:
                return
            if _is_written_whole(error):
                super().to_failure(error, payload_converter, failure)  # with its causes
                return
            super().to_failure(_alone(error, type(self).redact), payload_converter, failure)
            failure.stack_trace = _short(type(self).redact(failure.stack_trace))
            error, failure = cause_of(error), failure.cause


def failure_converter(redact: Redact, *, encrypted: bool = False) -> type[BoundedFailureConverter]:
    """Return the converter that masks keys in this way; temporalio makes its instances itself.

    Args:
        redact: Masks keys.
        encrypted: Whether messages and stack traces become payloads, which the codec encrypts.
    """
    own = {"redact": staticmethod(redact), "encrypted": encrypted}
    return type("FailureConverter", (BoundedFailureConverter,), own)


def failure_text(failure: Failure) -> str:
    """Return the text of a failure that is in Temporal's history, with the author's line and the causes."""
    converter = DefaultFailureConverter()
    return placed_error_text(converter.from_failure(_without_payloads(failure), PayloadConverter.default))


def _without_payloads(failure: Failure) -> Failure:
    """Return a copy without details: maybe only its writer can decode them."""
    copy = Failure()
    copy.CopyFrom(failure)
    inner: Failure | None = copy
    while inner is not None:
        for info, field in _PAYLOADS:
            if inner.HasField(info):
                getattr(inner, info).ClearField(field)
        inner = inner.cause if inner.HasField("cause") else None
    return copy


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
            type=error.type,
            non_retryable=error.non_retryable,
            next_retry_delay=error.next_retry_delay,
            category=error.category,
        )
    else:
        is_group = isinstance(error, BaseExceptionGroup)
        text = placed_error_text(error, redact=redact) if is_group else message_of(error, redact, longest=_LONGEST)
        copy = ApplicationError(text, type=type(error).__name__)
    return copy.with_traceback(error.__traceback__)


def _short(trace: str) -> str:
    half = _LONGEST_TRACE // 2
    return trace if len(trace) <= _LONGEST_TRACE else f"{trace[:half]}\n…\n{trace[-half:]}"
