"""Tells a bug in a workflow's code from an error that ends its run on purpose."""

import asyncio
from typing import Final

from temporalio import workflow

__all__ = ["BUGS_WAIT", "CODE_MEMO", "CODE_OF_TODAY", "is_bug", "waits_for_mending"]

BUGS_WAIT: Final = "perdure_bugs_wait"
"""The function by which a run learns whether it waits for mended code; only workers with Perdure's plugin have it."""

CODE_MEMO: Final = "perdure_code"
"""The memo field that says by which generation of Perdure's code a run began."""

CODE_OF_TODAY: Final = 2
"""Since this generation no bug schedules anything; runs of before have no such field."""


def is_bug(error: BaseException) -> bool:
    """Return whether nobody raised the error to end the run.

    A ``FailureError``, a timeout, a cancellation and the author's ``failure_exception_types`` end it on purpose, and so
    does a group of such errors.
    """
    if isinstance(error, BaseExceptionGroup):
        return any(is_bug(inner) for inner in error.exceptions)
    on_purpose = isinstance(error, asyncio.CancelledError) or workflow.is_failure_exception(error)
    return not on_purpose and not isinstance(error, workflow.ContinueAsNewError)


def waits_for_mending(error: BaseException) -> bool:
    """Return whether the run waits for mended code: then nothing may be scheduled, or mended code could not replay.

    What bugs did to runs of before, such as an undo, is replayed as their histories have it.
    """
    bugs_wait = workflow.extern_functions().get(BUGS_WAIT)
    if bugs_wait is None or not bugs_wait() or not is_bug(error):
        return False
    return workflow.memo_value(CODE_MEMO, None, type_hint=int) is not None or not workflow.unsafe.is_replaying()
