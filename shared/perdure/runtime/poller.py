"""Somebody looks again and again: when woken, when something is due, and every second for whatever was missed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from perdure.errors import Unavailable

__all__ = ["Poller"]

_LOOK_EVERY: Final = 1.0  # seconds: what another process stored and did not live to see to waits no longer

_log = logging.getLogger(__name__)


class Poller:
    """A look that is repeated; it returns when to look again, if it knows."""

    def __init__(
        self,
        look: Callable[[], Awaitable[datetime | None]] | Callable[[], Awaitable[None]],
        *,
        every: float = _LOOK_EVERY,
    ) -> None:
        self._look = look
        self._every = every
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Have it looked at soon."""
        self._woken.set()

    async def run(self) -> None:
        """Look for ever, whatever happens."""
        while True:
            self._woken.clear()
            due = None
            try:
                due = await self._look()
            except Unavailable as error:
                _log.warning("%s; looking again later", error)
            except Exception:  # noqa: BLE001 (the boundary: a defect of ours must not end the looking, and is told)
                _log.exception("what waits could not be looked at")
            await self._rest(due)

    async def _rest(self, due: datetime | None) -> None:
        seconds = self._every
        if due is not None:
            seconds = max(0.0, min(seconds, (due - datetime.now(UTC)).total_seconds()))
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return
