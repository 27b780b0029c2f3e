"""The time of the server: processes whose clocks differ agree on it."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from perdure.bus import Bus
from perdure.runtime.poller import Poller

__all__ = ["ServerClock"]

_ASK_EVERY: Final = 30.0  # seconds


class ServerClock:
    """Continues the time that the server gave by the seconds that have passed since; no local clock is read."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._time = datetime.min.replace(tzinfo=UTC)
        self._at = 0.0
        self._asked = asyncio.Event()
        self._asking = Poller(self.ask, every=_ASK_EVERY)

    def now(self) -> datetime:
        """Return the time (UTC); only after ``ready``."""
        return self._time + timedelta(seconds=time.monotonic() - self._at)

    async def ready(self) -> None:
        """Wait until the server has given its time once."""
        await self._asked.wait()

    async def ask(self) -> None:
        """Ask the server for its time.

        Raises:
            Unavailable: NATS does not answer.
        """
        before = time.monotonic()
        self._time = await self._bus.server_time()
        self._at = (before + time.monotonic()) / 2
        self._asked.set()

    async def run(self) -> None:
        """Ask for the time again and again, for ever."""
        await self._asking.run()
