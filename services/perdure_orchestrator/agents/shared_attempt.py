"""An attempt that all who need its result share, such as the opening of a session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from perdure.errors import Unavailable

__all__ = ["SharedAttempt"]

Result = TypeVar("Result")

_LONGEST_MEMORY: Final = 30.0  # seconds


@dataclass(eq=False)
class _Attempt(Generic[Result]):
    task: asyncio.Task[Result]
    waiting: int = 0


class SharedAttempt(Generic[Result]):
    """One attempt at a time, which ends early only when nobody waits for it any more.

    A failure is remembered as long as the attempt took, at most 30 seconds: who comes meanwhile gets it at once. Only
    ``Unavailable`` is, because the operator may mend every other reason at any time.

    Args:
        attempt: Makes one attempt.
    """

    def __init__(self, attempt: Callable[[], Coroutine[Any, Any, Result]]) -> None:
        self._attempt = attempt
        self._current: _Attempt[Result] | None = None
        self._failure = ""
        self._remembered_until = 0.0

    async def result(self) -> Result:
        """Wait for the attempt that is under way, or for a new one."""
        if time.monotonic() < self._remembered_until:
            raise Unavailable(self._failure)
        current = self._current = self._current or _Attempt(asyncio.create_task(self._made()))
        current.waiting += 1
        try:
            return await asyncio.shield(current.task)
        finally:
            current.waiting -= 1
            if self._current is current and (current.task.done() or not current.waiting):
                self._current = None
            if not current.waiting:
                current.task.cancel()
                await asyncio.gather(current.task, return_exceptions=True)

    async def _made(self) -> Result:
        began = time.monotonic()
        try:
            return await self._attempt()
        except Unavailable as error:
            now = time.monotonic()
            self._failure, self._remembered_until = str(error), now + min(now - began, _LONGEST_MEMORY)
            raise
