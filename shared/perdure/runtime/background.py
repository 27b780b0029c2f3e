"""Background tasks: they live as long as a block, and one that fails ends the block with its error."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Final

__all__ = ["BackgroundTasks", "background"]

_CANCEL_AGAIN_AFTER: Final = 0.1  # seconds: `asyncio.wait_for` of Python 3.11 may swallow a cancellation (gh-86296)

_log = logging.getLogger(__name__)


class BackgroundTasks:
    """The tasks of one block."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Run a coroutine beside the block."""
        task = self._group.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def cancel(self) -> None:
        """Cancel every task that still runs, and wait until it has ended."""
        while running := set(self._running):
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=_CANCEL_AGAIN_AFTER)


@asynccontextmanager
async def background(*works: Coroutine[None, None, None]) -> AsyncIterator[BackgroundTasks]:
    """Run coroutines beside a block, and cancel them when the block is left.

    Raises:
        Exception: A task failed. The block was cancelled, and this is the error of the first task that failed.
    """
    of_block: Exception | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = BackgroundTasks(group)
            for work in works:
                tasks.start(work)
            try:
                yield tasks
            except Exception as error:  # noqa: BLE001 (raised below: the group would wrap it)
                of_block = error
            finally:
                await tasks.cancel()
    except BaseExceptionGroup as failed:
        first, *others = failed.exceptions
        for other in others:
            _log.error("another background task failed: %r", other, exc_info=other)
        raise first from of_block
    if of_block is not None:
        raise of_block
