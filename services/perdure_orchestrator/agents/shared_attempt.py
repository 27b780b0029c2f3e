"""An attempt that all who need its result share, such as the opening of a session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, TypeVar

from perdure.errors import Unavailable

__all__ = ["SharedAttempt"]

Result = TypeVar("Result")

_LONGEST_MEMORY: Final = 30.0  # seconds


class SharedAttempt(Generic[Result]):
    """One attempt at a time. It goes on when nobody waits for it any more: a step that is tried again finds it there.

    A failure is remembered as long as the attempt took, at most 30 seconds: who comes meanwhile gets it at once. Only
    ``Unavailable`` is, because the operator may mend every other reason at any time.

    Args:
        attempt: Makes one attempt.
    """

    def __init__(self, attempt: Callable[[], Coroutine[Any, Any, Result]]) -> None:
        self._attempt = attempt
        self._task: asyncio.Task[Result] | None = None
        self._why_cancelled = ""
        self._failure = ""
        self._remembered_until = 0.0

    @property
    def under_way(self) -> bool:
        """Whether an attempt has begun and not ended."""
        return self._task is not None and not self._task.done()

    async def result(self) -> Result:
        """Wait for the attempt that is under way, or for a new one.

        Raises:
            Unavailable: It was cancelled; the message is the reason. Besides, whatever the attempt raises.
        """
        if time.monotonic() < self._remembered_until:
            raise Unavailable(self._failure)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._made())
            self._task.add_done_callback(_retrieve)
        task = self._task
        await asyncio.wait({task})  # cancelling whoever waits does not cancel it
        if task.cancelled():
            raise Unavailable(self._why_cancelled)
        return task.result()

    async def cancel(self, why: str) -> None:
        """End the attempt that is under way, if any, and wait until it has ended."""
        if self._task is not None and not self._task.done():
            self._why_cancelled = why
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _made(self) -> Result:
        began = time.monotonic()
        try:
            return await self._attempt()
        except Unavailable as error:
            now = time.monotonic()
            self._failure, self._remembered_until = str(error), now + min(now - began, _LONGEST_MEMORY)
            raise


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Take the error of an attempt for which nobody waits any more: asyncio would log it as lost."""
    if not task.cancelled():
        task.exception()
