"""Logs of failed steps and workflow tasks: what failed, where and why, without the worker's keys.

temporalio logs "Completing activity as failed" with the traceback of the error as it is.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from temporalio import activity

from perdure.connections.temporal_logs import LOGGERS_OF_FAILURES, is_about_failed_activity
from perdure.flow.error_text import Redact, cause_of, message_of, placed_error_text

__all__ = ["no_text", "redacted", "redacted_failures"]

_CAUSES: Final = 10


def no_text(_: str) -> str:
    """Leave all of a text out: with encryption on, a log shows classes and lines only."""
    return ""


@contextmanager
def redacted_failures(redact: Redact) -> Iterator[None]:
    """Mask keys in temporalio's records of failures meanwhile."""
    shown = _ShownFailures(redact)
    for name in LOGGERS_OF_FAILURES:
        logging.getLogger(name).addFilter(shown)
    try:
        yield
    finally:
        for name in LOGGERS_OF_FAILURES:
            logging.getLogger(name).removeFilter(shown)


def redacted(error: BaseException, redact: Redact, left: int = _CAUSES) -> BaseException:
    """Return a copy for a log: the same class name, traceback and causes, its text bounded and without keys."""
    name, module = type(error).__name__, type(error).__module__
    shown: BaseException = type(name, (Exception,), {"__module__": module})(message_of(error, redact))
    cause = cause_of(error)
    if cause is not None and left:
        shown.__cause__ = redacted(cause, redact, left - 1)
    return shown.with_traceback(error.__traceback__)


class _ShownFailures(logging.Filter):
    def __init__(self, redact: Redact) -> None:
        super().__init__()
        self._redact = redact

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the error of a record; whatever its author made of it, temporalio goes on to report the failure."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return True
        try:
            self._replace(record, error)
        except Exception as broken:  # noqa: BLE001 (as it is, it may show keys)
            record.msg = "a failure, %s, cannot be shown: %s"
            record.args = (type(error).__name__, type(broken).__name__)
            record.exc_info = record.exc_text = None
        return True

    def _replace(self, record: logging.LogRecord, error: BaseException) -> None:
        if is_about_failed_activity(record):
            info, text = activity.info(), placed_error_text(error, redact=self._redact)
            record.msg = "the step %s of the run %s failed, attempt %s: %s"
            record.args = (info.activity_type, info.workflow_id, info.attempt, text)
        shown = redacted(error, self._redact)
        record.exc_info = (type(shown), shown, shown.__traceback__)
