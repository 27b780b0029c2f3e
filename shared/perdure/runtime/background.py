"""Background tasks that last as long as a block; a failed task ends the block with its error."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Final

__all__ = ["BACKGROUND", "BackgroundTasks", "background"]

BACKGROUND: Final = "background "
"""The names of background tasks begin so; the name of the coroutine's function follows."""

_CANCEL_AGAIN_AFTER: Final = 0.1  # seconds: `asyncio.wait_for` of Python 3.11 may swallow a cancellation (gh-86296)

_log = logging.getLogger(__name__)


class BackgroundTasks:
    """The background tasks of one block."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._running: set[asyncio.Task[None]] = set()

    def start(self, coroutine: Coroutine[None, None, None]) -> None:
        """Start a coroutine as a task of the block."""
        task = self._group.create_task(coroutine, name=f"{BACKGROUND}{getattr(coroutine, '__qualname__', coroutine)}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def cancel(self) -> None:
        """Cancel all running tasks and wait until they have ended."""
        while running := set(self._running):
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=_CANCEL_AGAIN_AFTER)


@asynccontextmanager
async def background(*coroutines: Coroutine[None, None, None]) -> AsyncIterator[BackgroundTasks]:
    """Run coroutines beside a block, and cancel them when the block ends.

    Raises:
        Exception: The error of the first task that failed; it cancelled the block. Other errors are logged.
    """
    block_error: Exception | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = BackgroundTasks(group)
            for coroutine in coroutines:
                tasks.start(coroutine)
            try:
                yield tasks
            except Exception as error:  # noqa: BLE001 (raised below: the group would wrap it)
                block_error = error
            finally:
                await tasks.cancel()
    except BaseExceptionGroup as failed:
        first, *others = failed.exceptions
        for other in others:
            _log.error("another background task failed: %r", other, exc_info=other)
        raise first from block_error
    if block_error is not None:
        raise block_error
