"""What has happened on the bus, read once for all open pages."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from perdure.bus import Bus, StoredMessage
from perdure.bus.subject_patterns import matches
from perdure.errors import Unavailable

__all__ = ["BusFeed"]

_FOLLOWED: Final = {
    "PROGRESS": "progress.>",
    "APPROVALS": "approvals.>",
    "RECEIPTS": "receipts.>",
    "VERDICTS": "verdicts.>",
    "DLQ": "dlq.>",
    "STUCK": "stuck.>",
}
_RETRY_SECONDS: Final = 0.25


@dataclass(eq=False, slots=True)
class _Listener:
    patterns: Collection[str]
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class BusFeed:
    """Follows some streams, each through one consumer, and wakes the pages that show what has changed.

    Args:
        bus: The bus.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._last: dict[str, int] = {}
        self._listeners: set[_Listener] = set()
        self._started = asyncio.Event()

    @property
    def place(self) -> str:
        """How far the streams have been read: their sequence numbers, as the id of what is pushed to a page."""
        return ",".join(f"{stream}:{self._last[stream]}" for stream in _FOLLOWED if stream in self._last)

    async def started(self) -> None:
        """Wait until it is known how far each stream goes."""
        await self._started.wait()

    async def run(self) -> None:
        """Follow the streams for ever.

        Raises:
            Unavailable: NATS denies one.
        """
        async with asyncio.TaskGroup() as group:
            for stream, pattern in _FOLLOWED.items():
                group.create_task(self._follow(stream, pattern))

    @contextmanager
    def listening(self, patterns: Collection[str]) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever a message comes whose subject matches."""
        listener = _Listener(patterns)
        self._listeners.add(listener)
        try:
            yield listener.changed
        finally:
            self._listeners.discard(listener)

    async def _follow(self, stream: str, pattern: str) -> None:
        self._last[stream] = await self._newest(pattern)
        if len(self._last) == len(_FOLLOWED):
            self._started.set()
        messages: AsyncIterator[StoredMessage] = self._bus.subscribe(pattern, after=self._last[stream], bodies=False)
        async for message in messages:
            self._last[stream] = message.sequence
            for listener in self._listeners:
                if any(matches(it, message.raw.subject) for it in listener.patterns):
                    listener.changed.set()

    async def _newest(self, pattern: str) -> int:
        while True:
            try:
                newest = await self._bus.last(pattern)
            except Unavailable:
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return 0 if newest is None else newest.sequence
