"""Counts finished events from the bus, for display only; the verifier gives the verdict."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from perdure.chaos.load import Load
from perdure.chaos.plan import Planned
from perdure.contracts import ENDINGS
from perdure.verify.streams import Streams

__all__ = ["Counted", "ProgressCounter"]

_READ_EVERY: Final = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Counted:
    """The progress of the load.

    Attributes:
        published: Events that are published.
        events: All events.
        ended: Events with an outcome of their own whose run ended, or that became dead letters.
        outcomes: All events with an outcome of their own; the others share a run, or have none.
    """

    published: int
    events: int
    ended: int
    outcomes: int


class ProgressCounter:
    """Counts events whose run has ended or that became dead letters."""

    def __init__(self, js: JetStreamContext, events: Sequence[Planned]) -> None:
        self._streams = Streams(js)
        self._events = len(events)
        own = [event.id for event in events if event.outcome]
        self._ids = set(own or [event.id for event in events])  # of events that a user gives nothing is known
        self._ended = 0

    @property
    def all_ended(self) -> bool:
        """Whether every event with an outcome of its own has it."""
        return self._ended == len(self._ids)

    def counted(self, load: Load) -> Counted:
        """Return the progress."""
        return Counted(len(load.published), self._events, self._ended, len(self._ids))

    async def count_for_ever(self) -> None:
        """Update the count periodically; it stays as it is while NATS is unavailable."""
        while True:
            try:
                await self._streams.read("PROGRESS", "DLQ")
            except (NatsError, OSError):
                await asyncio.sleep(_READ_EVERY)
            ended = {fact.event_id for fact in self._streams.facts if fact.kind in ENDINGS}
            ended |= {dead_letter.event_id for dead_letter in self._streams.dead_letters}
            self._ended = len(self._ids & ended)
            await asyncio.sleep(_READ_EVERY)
