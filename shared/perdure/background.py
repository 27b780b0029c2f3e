"""Work that goes on beside a block, and never longer than it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Final

__all__ = ["Following", "background", "following"]

_CANCEL_AGAIN_AFTER: Final = 0.1  # seconds: `asyncio.wait_for` of Python 3.11 may swallow a cancellation (gh-86296)

_log = logging.getLogger(__name__)


@asynccontextmanager
async def background(*works: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do all the work for as long as the block lasts; it is cancelled and has ended when the block is left."""
    async with following() as followed:
        for work in works:
            followed.start(work)
        yield


class Following:
    """Work that is begun while a block lasts, and does not outlive it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Begin it; what it ends with is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_tell)

    async def end(self) -> None:
        """Cancel what is left, and wait until it has ended."""
        while left := set(self._tasks):
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=_CANCEL_AGAIN_AFTER)


@asynccontextmanager
async def following() -> AsyncIterator[Following]:
    """Let work be begun for as long as the block lasts; it is cancelled and has ended when the block is left."""
    followed = Following()
    try:
        yield followed
    finally:
        await followed.end()


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("work in the background ended: %r", error, exc_info=error)
