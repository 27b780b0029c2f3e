"""Whether the whole suite is paused, as a process that obeys it sees it."""

import asyncio
import logging
from typing import Final

from perdure.bus.duty import Duty
from perdure.bus.port import Bus
from perdure.bus.views.pauses import suite_pause
from perdure.errors import Unavailable

__all__ = ["LOOK_SECONDS", "SuitePause"]

LOOK_SECONDS: Final = 0.5
"""So long after a pause was stored, every process that reaches NATS obeys it, a busy one somewhat later."""

_log = logging.getLogger(__name__)


class SuitePause:
    """Looks again and again; as long as NATS does not answer, what it found last holds.

    Attributes:
        over: Is on unless the suite is paused; off until the first look, so that nothing begins before it.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.over = Duty(on=False)

    async def look(self) -> None:
        """Look once.

        Raises:
            Unavailable: NATS does not answer.
        """
        pause = await suite_pause(self._bus)
        if self.over.is_on == (pause is not None):
            _log.info("the suite goes on" if pause is None else f"the suite is {pause.sentence}")
        self.over.set(on=pause is None)

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.look()
            except Unavailable as error:
                _log.warning("cannot see whether the suite is paused, so what was so stays so: %s", error)
            await asyncio.sleep(LOOK_SECONDS)
