"""The message of an error, without Temporal's wrappers around it."""

from temporalio.exceptions import ActivityError, ChildWorkflowError, FailureError

__all__ = ["error_text", "root_cause"]


def error_text(error: BaseException) -> str:
    """Return the message of the root cause."""
    error = root_cause(error)
    if isinstance(error, FailureError):
        return error.message
    return f"{type(error).__name__}: {error}"


def root_cause(error: BaseException) -> BaseException:
    """Return the error inside Temporal's activity and child workflow errors."""
    while isinstance(error, ActivityError | ChildWorkflowError) and error.cause is not None:
        error = error.cause
    return error
