"""Work of a command that SIGINT and SIGTERM cancel."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["cancel_on_signal", "cancel_once"]

Result = TypeVar("Result")


async def cancel_on_signal(work: Coroutine[Any, Any, Result]) -> Result | None:
    """Do the work until it ends or a signal cancels it; what it opened is closed before this returns.

    Returns:
        The result of the work; None if it was cancelled.
    """
    loop, task = asyncio.get_running_loop(), asyncio.create_task(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, cancel_once, task)
    try:
        return await task
    except asyncio.CancelledError:
        return None


def cancel_once(task: asyncio.Task[Any]) -> None:
    """Cancel at the first signal; ignore further ones, so that the whole suite stops."""
    if not task.cancelling():
        task.cancel()
