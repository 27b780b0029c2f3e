"""Waits that a cancellation of their own task ends, and no other cancellation."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, cast

from temporalio import workflow

__all__ = ["await_through_cancellation", "cancel_current_task", "cancellation_count", "wait_until"]

_CANCELLATION_WINS: Final = "perdure-cancellations-outrank-answers"  # a patch id: histories hold it


async def wait_until(done: Callable[[], bool], deadline: datetime | None = None, *, summary: str | None = None) -> bool:
    """Wait until ``done()`` is true or a deadline (UTC) has passed; returns whether it is true.

    The summary is what Temporal's own page shows of the timer.

    temporalio cancels every ``wait_condition`` of a run that is cancelled, also in shielded tasks. Python 3.11 prefers
    the awaited result to a cancellation that arrives with it. Here only a cancellation of the current task counts, and
    it counts even if the result arrived with it.

    Raises:
        asyncio.CancelledError: The current task was cancelled.
    """
    before = cancellation_count()
    while True:
        left = None if deadline is None else max(deadline - workflow.now(), timedelta())
        try:
            await workflow.wait_condition(done, timeout=left, timeout_summary=summary)
        except TimeoutError:  # also raised, without a look at the condition, when no time is left
            break
        except asyncio.CancelledError:
            if cancellation_count() > before:
                raise
        else:
            break
    if cancellation_count() > before and workflow.patched(_CANCELLATION_WINS):
        raise asyncio.CancelledError
    return done()


async def await_through_cancellation(task: "asyncio.Task[Any]") -> bool:
    """Wait for the end of a task, whatever is cancelled meanwhile; returns whether the current task was cancelled.

    Raises:
        asyncio.CancelledError: The awaited task itself was cancelled.
    """
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            cancelled = True
    return cancelled


def cancellation_count() -> int:
    """Return how many cancellations of the current task are pending."""
    return _current_task().cancelling()


def cancel_current_task() -> None:
    """Cancel the current task: its next ``await`` raises."""
    _current_task().cancel()


def _current_task() -> "asyncio.Task[Any]":
    return cast("asyncio.Task[Any]", asyncio.current_task())  # workflow code always runs in a task
