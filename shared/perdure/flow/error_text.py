"""What went wrong, in the words of what went wrong."""

from temporalio.exceptions import ActivityError, ChildWorkflowError, FailureError

__all__ = ["innermost", "sentence"]


def sentence(error: BaseException) -> str:
    """Find the words of what happened."""
    error = innermost(error)
    if isinstance(error, FailureError):
        return error.message
    return f"{type(error).__name__}: {error}"


def innermost(error: BaseException) -> BaseException:
    """Find what happened: Temporal wraps it into which step or child run it happened in."""
    while isinstance(error, ActivityError | ChildWorkflowError) and error.cause is not None:
        error = error.cause
    return error
