"""The bus in one process's memory: the twin that tests and authors use."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Final

from perdure.bus.envelope import MESSAGE_ID, RawMessage, decode, encode
from perdure.bus.port import StoredMessage
from perdure.bus.topology import QUEUES, matches, stream_of
from perdure.contracts import Message

__all__ = ["MemoryBus"]

_NOT_OURS: Final = {"EVENTS", "SIGNALS", "ADVISORIES", *QUEUES}


class MemoryBus:
    """Keeps every message of every stream for as long as it lives."""

    def __init__(self, source: str = "perdure/memory") -> None:
        self._source = source
        self._heard: dict[int, StoredMessage] = {}  # by the order in which they came
        self._arrivals = 0
        self._places: dict[tuple[str, str], int] = {}
        self._counts: dict[str, int] = {}
        self._news = asyncio.Condition()

    @property
    def published(self) -> list[Message]:
        """All messages of Perdure's own, in the order in which they were said."""
        return [decode(heard.raw) for heard in self._heard.values() if heard.stream not in _NOT_OURS]

    async def publish(self, message: Message) -> int:
        """Say a message; see ``Bus.publish``."""
        return await self.publish_raw(encode(message, source=self._source))

    async def publish_raw(self, wire: RawMessage) -> int:
        """Keep the bytes; see ``Bus.publish``."""
        stream = stream_of(wire.subject).name
        message_id = wire.headers.get(MESSAGE_ID)
        if message_id is not None and (stream, message_id) in self._places:
            return self._places[stream, message_id]
        place = self._counts[stream] = self._counts.get(stream, 0) + 1
        if message_id is not None:
            self._places[stream, message_id] = place
        if stream_of(wire.subject).last_per_subject:
            self._forget(lambda heard: heard.raw.subject == wire.subject)
        async with self._news:
            self._arrivals += 1
            self._heard[self._arrivals] = StoredMessage(wire, stream, place, datetime.now(UTC), pending=0)
            self._news.notify_all()
        return place

    async def first(self, subject: str, *, after: int = 0) -> StoredMessage | None:
        """Return the oldest message; see ``Bus.first``."""
        found = (
            heard for heard in self._heard.values() if matches(subject, heard.raw.subject) and heard.sequence > after
        )
        return next(found, None)

    async def wait_until_consumed(self, service: str, stream: str) -> None:
        """Return at once: nobody settles what lies here; see ``Bus.wait_until_consumed``."""

    async def count_by_subject(self, subject: str) -> dict[str, int]:
        """Count messages by subject; see ``Bus.count_by_subject``."""
        return dict(Counter(it.raw.subject for it in self._heard.values() if matches(subject, it.raw.subject)))

    async def delete(self, stream: str, sequence: int) -> None:
        """Take a message out; see ``Bus.delete``."""
        self._forget(lambda heard: (heard.stream, heard.sequence) == (stream, sequence))

    async def get(self, stream: str, sequence: int) -> RawMessage | None:
        """Return a message that is kept; see ``Bus.get``."""
        kept = self._heard.values()
        return next((it.raw for it in kept if (it.stream, it.sequence) == (stream, sequence)), None)

    async def read(self, subject: str, *, last_only: bool = False) -> AsyncIterator[StoredMessage]:
        """Yield what is kept; see ``Bus.read``."""
        found = [heard for heard in self._heard.values() if matches(subject, heard.raw.subject)]
        newest = {heard.raw.subject: heard for heard in found}
        for heard in found:
            if not last_only or newest[heard.raw.subject] is heard:
                yield heard

    async def subscribe(self, subject: str, *, replay: bool = False) -> AsyncIterator[StoredMessage]:
        """Yield what matches; see ``Bus.subscribe``."""
        position = 0 if replay else self._arrivals
        while True:
            async with self._news:
                while self._arrivals == position:
                    await self._news.wait()
                news = [heard for arrival, heard in self._heard.items() if arrival > position]
                position = self._arrivals
            for heard in news:
                if matches(subject, heard.raw.subject):
                    yield heard

    def _forget(self, gone: Callable[[StoredMessage], bool]) -> None:
        self._heard = {arrival: heard for arrival, heard in self._heard.items() if not gone(heard)}
