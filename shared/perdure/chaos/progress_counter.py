"""Counts finished events from the bus, for display only; the verifier gives the verdict."""

import asyncio
from collections.abc import Sequence
from typing import Final

from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from perdure.chaos.plan import Planned
from perdure.contracts import ENDINGS
from perdure.verify.streams import Streams

__all__ = ["ProgressCounter"]

_READ_EVERY: Final = 0.5  # seconds


class ProgressCounter:
    """Counts events whose run has ended or that became dead letters.

    Attributes:
        ended: Number of planned events that have ended.
    """

    def __init__(self, js: JetStreamContext, events: Sequence[Planned]) -> None:
        self._streams = Streams(js)
        self._ids = {event.id for event in events}
        self.ended = 0

    async def count_for_ever(self) -> None:
        """Update the count periodically; it stays as it is while NATS is unavailable."""
        while True:
            try:
                await self._streams.read("PROGRESS", "DLQ")
            except (NatsError, OSError):
                await asyncio.sleep(_READ_EVERY)
            ended = {fact.event_id for fact in self._streams.facts if fact.kind in ENDINGS}
            ended |= {dead_letter.event_id for dead_letter in self._streams.letters}
            self.ended = len(self._ids & ended)
            await asyncio.sleep(_READ_EVERY)
