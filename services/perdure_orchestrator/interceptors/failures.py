"""The error of a run with the place in its author's code, for its last fact and for the log."""

import builtins
import logging
from typing import Final

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from perdure.flow.error_text import error_text, root_cause
from perdure.values.author_code import author_place, place_in_text

__all__ = ["log_failure", "placed_error_text"]

_log: Final = logging.getLogger(__name__)


def placed_error_text(error: BaseException) -> str:
    """Return the error's text, and the author's line that raised it: ``KeyError: 'name' (greetings.py:21)``.

    An error that the author raised on purpose, such as an ``ApplicationError``, stays as they wrote it. The text is for
    facts and logs only: the paths of another machine may differ, so a run must not decide by it.
    """
    cause = root_cause(error)
    if not isinstance(cause, FailureError):
        package = type(workflow.instance()).__module__.partition(".")[0]
        return _with_place(error_text(cause), author_place(cause, {package}))
    if isinstance(cause, ApplicationError) and _is_builtin_error(cause.type) and cause.failure is not None:
        return _with_place(f"{cause.type}: {cause.message}", place_in_text(cause.failure.stack_trace))
    return error_text(cause)


def log_failure(text: str, error: BaseException) -> None:
    """Log the end of a run with its traceback, once: not when it is replayed."""
    if not workflow.unsafe.is_replaying():
        info = workflow.info()
        with workflow.unsafe.sandbox_unrestricted():  # a traceback reads the lines of its files
            _log.error("the run %s of %s failed: %s", info.workflow_id, info.workflow_type, text, exc_info=error)


def _is_builtin_error(name: str | None) -> bool:
    """Return whether Python raised the error: then no author wrote its message."""
    found = getattr(builtins, name or "", None)
    return isinstance(found, type) and issubclass(found, Exception)


def _with_place(text: str, place: str | None) -> str:
    return f"{text} ({place})" if place else text
