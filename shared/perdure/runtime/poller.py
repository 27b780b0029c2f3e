"""Polls repeatedly: when woken, when work is due, and every second for anything that was missed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final

from perdure.errors import Unavailable

__all__ = ["Poller"]

_POLL_EVERY: Final = 1.0  # seconds: the longest wait of work that another process stored before it died

_LOCAL: Final = partial(datetime.now, UTC)

_log = logging.getLogger(__name__)


class Poller:
    """Calls a function repeatedly.

    Args:
        look: The function; it may return when it is due again.
        every: The longest time between two calls, in seconds.
        now: The clock of the times that the function returns.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[datetime | None]] | Callable[[], Awaitable[None]],
        *,
        every: float = _POLL_EVERY,
        now: Callable[[], datetime] = _LOCAL,
    ) -> None:
        self._look = look
        self._every = every
        self._now = now
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Make the next call at once."""
        self._woken.set()

    async def run(self) -> None:
        """Poll for ever; errors are logged."""
        while True:
            self._woken.clear()
            due = None
            try:
                due = await self._look()
            except Unavailable as error:
                _log.warning("%s; retrying later", error)
            except Exception:  # noqa: BLE001 (the boundary: a defect is logged and must not end the polling)
                _log.exception("polling failed; retrying later")
            await self._wait(due)

    async def _wait(self, due: datetime | None) -> None:
        seconds = self._every
        if due is not None:
            seconds = max(0.0, min(seconds, (due - self._now()).total_seconds()))
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return
