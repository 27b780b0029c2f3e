"""What went wrong, in the words of what went wrong."""

from temporalio.exceptions import ActivityError, ChildWorkflowError, FailureError

__all__ = ["error_text", "root_cause"]


def error_text(error: BaseException) -> str:
    """Find the words of what happened."""
    error = root_cause(error)
    if isinstance(error, FailureError):
        return error.message
    return f"{type(error).__name__}: {error}"


def root_cause(error: BaseException) -> BaseException:
    """Find what happened: Temporal wraps it into which step or child run it happened in."""
    while isinstance(error, ActivityError | ChildWorkflowError) and error.cause is not None:
        error = error.cause
    return error
