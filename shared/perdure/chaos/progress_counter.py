"""How far the events have come, by the bus, for those who look on; the verdict is the verifier's."""

import asyncio
from collections.abc import Sequence
from typing import Final

from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from perdure.chaos.plan import Planned
from perdure.contracts import ENDINGS
from perdure.verify.streams import Streams

__all__ = ["ProgressCounter"]

_LOOK_EVERY: Final = 0.5  # seconds


class ProgressCounter:
    """Counts events whose run has ended or that became dead letters.

    Attributes:
        ended: How many of the planned ones.
    """

    def __init__(self, js: JetStreamContext, events: Sequence[Planned]) -> None:
        self._streams = Streams(js)
        self._ids = {event.id for event in events}
        self.ended = 0

    async def look_for_ever(self) -> None:
        """Look every so often; while NATS is away there is nothing to see."""
        while True:
            try:
                await self._streams.read("PROGRESS", "DLQ")
            except (NatsError, OSError):
                await asyncio.sleep(_LOOK_EVERY)
            told = {fact.event_id for fact in self._streams.facts if fact.kind in ENDINGS}
            told |= {letter.event_id for letter in self._streams.letters}
            self.ended = len(self._ids & told)
            await asyncio.sleep(_LOOK_EVERY)
