"""The bus in one process's memory: the twin that tests and authors use."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Final

from perdure.bus.envelope import MESSAGE_ID, Wire, decode, encode
from perdure.bus.port import Heard
from perdure.bus.topology import QUEUES, matches, stream_of
from perdure.contracts import Message

__all__ = ["MemoryBus"]

_NOT_OURS: Final = {"EVENTS", "SIGNALS", "ADVISORIES", *QUEUES}


class MemoryBus:
    """Keeps every message of every stream for as long as it lives."""

    def __init__(self, source: str = "perdure/memory") -> None:
        self._source = source
        self._heard: dict[int, Heard] = {}  # by the order in which they came
        self._arrivals = 0
        self._places: dict[tuple[str, str], int] = {}
        self._counts: dict[str, int] = {}
        self._news = asyncio.Condition()

    @property
    def said(self) -> list[Message]:
        """All messages of Perdure's own, in the order in which they were said."""
        return [decode(heard.wire) for heard in self._heard.values() if heard.stream not in _NOT_OURS]

    async def say(self, message: Message) -> int:
        """Say a message; see ``Bus.say``."""
        return await self.publish(encode(message, source=self._source))

    async def publish(self, wire: Wire) -> int:
        """Keep the bytes; see ``Bus.publish``."""
        stream = stream_of(wire.subject).name
        message_id = wire.headers.get(MESSAGE_ID)
        if message_id is not None and (stream, message_id) in self._places:
            return self._places[stream, message_id]
        place = self._counts[stream] = self._counts.get(stream, 0) + 1
        if message_id is not None:
            self._places[stream, message_id] = place
        if stream_of(wire.subject).newest_only:
            self._forget(lambda heard: heard.wire.subject == wire.subject)
        async with self._news:
            self._arrivals += 1
            self._heard[self._arrivals] = Heard(wire, stream, place, datetime.now(UTC), pending=0)
            self._news.notify_all()
        return place

    async def first(self, subject: str, *, after: int = 0) -> Heard | None:
        """Return the oldest message; see ``Bus.first``."""
        found = (
            heard for heard in self._heard.values() if matches(subject, heard.wire.subject) and heard.sequence > after
        )
        return next(found, None)

    async def caught_up(self, service: str, stream: str) -> None:
        """Return at once: nobody settles what lies here; see ``Bus.caught_up``."""

    async def counts(self, subject: str) -> dict[str, int]:
        """Count messages by subject; see ``Bus.counts``."""
        return dict(Counter(it.wire.subject for it in self._heard.values() if matches(subject, it.wire.subject)))

    async def drop(self, stream: str, sequence: int) -> None:
        """Take a message out; see ``Bus.drop``."""
        self._forget(lambda heard: (heard.stream, heard.sequence) == (stream, sequence))

    async def original(self, stream: str, sequence: int) -> Wire | None:
        """Return a message that is kept; see ``Bus.original``."""
        kept = self._heard.values()
        return next((it.wire for it in kept if (it.stream, it.sequence) == (stream, sequence)), None)

    async def recall(self, subject: str, *, last_only: bool = False) -> AsyncIterator[Heard]:
        """Yield what is kept; see ``Bus.recall``."""
        found = [heard for heard in self._heard.values() if matches(subject, heard.wire.subject)]
        newest = {heard.wire.subject: heard for heard in found}
        for heard in found:
            if not last_only or newest[heard.wire.subject] is heard:
                yield heard

    async def listen(self, subject: str, *, replay: bool = False) -> AsyncIterator[Heard]:
        """Yield what matches; see ``Bus.listen``."""
        position = 0 if replay else self._arrivals
        while True:
            async with self._news:
                while self._arrivals == position:
                    await self._news.wait()
                news = [heard for arrival, heard in self._heard.items() if arrival > position]
                position = self._arrivals
            for heard in news:
                if matches(subject, heard.wire.subject):
                    yield heard

    def _forget(self, gone: Callable[[Heard], bool]) -> None:
        self._heard = {arrival: heard for arrival, heard in self._heard.items() if not gone(heard)}
