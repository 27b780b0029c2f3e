"""Waiting for something to become true, through cancellations that are meant for others, and for none that is not."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, cast

from temporalio import workflow

__all__ = ["await_through_cancellation", "cancel_current_task", "cancellation_count", "wait_until"]

_OUTRANKS: Final = "perdure-cancellations-outrank-answers"


async def wait_until(done: Callable[[], bool], deadline: datetime | None = None) -> bool:
    """Wait until this is true, or until a deadline (UTC); returns whether it is true.

    temporalio tells a run's cancellation to everybody who waits for a condition, whoever shields them; and Python 3.11
    prefers what was waited for to a cancellation that comes with it. Here it counts who was cancelled.

    Raises:
        asyncio.CancelledError: The one who waits was cancelled, if need be together with what they waited for.
    """
    before = cancellation_count()
    while True:
        left = None if deadline is None else max(deadline - workflow.now(), timedelta())
        try:
            await workflow.wait_condition(done, timeout=left)
        except TimeoutError:  # also when no time is left: then the condition was not looked at
            break
        except asyncio.CancelledError:
            if cancellation_count() > before:
                raise
        else:
            break
    if cancellation_count() > before and workflow.patched(_OUTRANKS):
        raise asyncio.CancelledError
    return done()


async def await_through_cancellation(task: "asyncio.Task[Any]") -> bool:
    """Wait for the end of a task through all cancellations; returns whether there was one, which comes too late.

    Raises:
        asyncio.CancelledError: The task itself was cancelled.
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
    """Count how often the task that runs was cancelled, as far as nobody took it back."""
    return _task().cancelling()


def cancel_current_task() -> None:
    """Cancel the task that runs: it hears of it where it waits next."""
    _task().cancel()


def _task() -> "asyncio.Task[Any]":
    return cast("asyncio.Task[Any]", asyncio.current_task())  # a run's code runs in nothing else
