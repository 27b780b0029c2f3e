"""Tells a bug in a workflow's code from an error that ends its run on purpose."""

import asyncio

from temporalio import workflow

from perdure.flow.run import Run

__all__ = ["is_bug", "waits_for_mending"]


def is_bug(error: BaseException) -> bool:
    """Return whether nobody raised the error to end the run.

    A ``FailureError``, a timeout, a cancellation and the author's ``failure_exception_types`` end it on purpose.
    """
    on_purpose = isinstance(error, asyncio.CancelledError) or workflow.is_failure_exception(error)
    return not on_purpose and not isinstance(error, workflow.ContinueAsNewError)


def waits_for_mending(error: BaseException) -> bool:
    """Return whether the run waits for mended code: then nothing may be scheduled, or mended code could not replay.

    A task that is replayed goes on as its history has it; what differs from that makes the task fail, too.
    """
    return is_bug(error) and Run.current().bugs_wait and not workflow.unsafe.is_replaying()
