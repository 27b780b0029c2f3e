"""Work that goes on beside a block, and never longer than it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Final

__all__ = ["background"]

_CANCEL_AGAIN_AFTER: Final = 0.1  # seconds: `asyncio.wait_for` of Python 3.11 may swallow a cancellation (gh-86296)

_log = logging.getLogger(__name__)


@asynccontextmanager
async def background(*works: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do all the work for as long as the block lasts; it is cancelled and has ended when the block is left."""
    tasks = {asyncio.create_task(work) for work in works}
    for task in tasks:
        task.add_done_callback(_tell)
    try:
        yield
    finally:
        while tasks:
            for task in tasks:
                task.cancel()
            _, tasks = await asyncio.wait(tasks, timeout=_CANCEL_AGAIN_AFTER)


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("work in the background ended: %r", error, exc_info=error)
