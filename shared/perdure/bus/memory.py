"""The bus in one process's memory: the twin that tests and authors use."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from perdure.bus.envelope import MESSAGE_ID, Wire, decode, encode
from perdure.bus.port import Heard
from perdure.bus.topology import matches, stream_of
from perdure.contracts import Message

__all__ = ["MemoryBus"]


class MemoryBus:
    """Keeps every message of every stream for as long as it lives."""

    def __init__(self, source: str = "perdure/memory") -> None:
        self._source = source
        self._heard: list[Heard] = []
        self._places: dict[tuple[str, str], int] = {}
        self._counts: dict[str, int] = {}
        self._news = asyncio.Condition()

    @property
    def said(self) -> list[Message]:
        """All messages of Perdure's own, in the order in which they were said."""
        return [decode(heard.wire) for heard in self._heard if heard.stream not in {"EVENTS", "SIGNALS"}]

    async def say(self, message: Message) -> None:
        """Say a message; see ``Bus.say``."""
        await self.publish(encode(message, source=self._source))

    async def publish(self, wire: Wire) -> int:
        """Keep the bytes; see ``Bus.publish``."""
        stream = stream_of(wire.subject).name
        message_id = wire.headers.get(MESSAGE_ID)
        if message_id is not None and (stream, message_id) in self._places:
            return self._places[stream, message_id]
        place = self._counts[stream] = self._counts.get(stream, 0) + 1
        if message_id is not None:
            self._places[stream, message_id] = place
        async with self._news:
            self._heard.append(Heard(wire, stream, place, datetime.now(UTC), pending=0))
            self._news.notify_all()
        return place

    async def recall(self, subject: str, *, last_only: bool = False) -> AsyncIterator[Heard]:
        """Yield what is kept; see ``Bus.recall``."""
        found = [heard for heard in self._heard if matches(subject, heard.wire.subject)]
        newest = {heard.wire.subject: heard for heard in found}
        for heard in found:
            if not last_only or newest[heard.wire.subject] is heard:
                yield heard

    async def listen(self, subject: str, *, replay: bool = False) -> AsyncIterator[Heard]:
        """Yield what matches; see ``Bus.listen``."""
        position = 0 if replay else len(self._heard)
        while True:
            async with self._news:
                while len(self._heard) == position:
                    await self._news.wait()
                news, position = self._heard[position:], len(self._heard)
            for heard in news:
                if matches(subject, heard.wire.subject):
                    yield heard
