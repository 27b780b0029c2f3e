"""One subscription of a process for all of its routes: each message goes to whoever follows."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from perdure.bus import Bus, StoredMessage
from perdure.errors import Unavailable

__all__ = ["Feed"]

_AGAIN_AFTER: Final = 1.0  # seconds

_log = logging.getLogger(__name__)

Follower = Callable[[StoredMessage], None]


class Feed:
    """The new messages of one pattern, from the moment at which a first route follows them.

    Attributes:
        position: All messages with a higher sequence reach the followers.
    """

    def __init__(self, bus: Bus, pattern: str, *, bodies: bool = True) -> None:
        self.position = 0
        self._bus = bus
        self._pattern = pattern
        self._bodies = bodies
        self._followers: list[Follower] = []
        self._wanted, self._begun = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def followed(self, follower: Follower) -> AsyncIterator[None]:
        """Call back with each message for as long as the block lasts; the subscription has begun before."""
        self._followers.append(follower)
        self._wanted.set()
        try:
            await self._begun.wait()
            yield
        finally:
            self._followers.remove(follower)

    async def run(self) -> None:
        """Receive messages for ever, as soon as a route follows."""
        await self._wanted.wait()
        while not self._begun.is_set():
            try:
                newest = await self._bus.last(self._pattern)
            except Unavailable as error:
                _log.warning("%s; %s is subscribed to later", error, self._pattern)
                await asyncio.sleep(_AGAIN_AFTER)
                continue
            self.position = 0 if newest is None else newest.sequence
            self._begun.set()
        async for message in self._bus.subscribe(self._pattern, after=self.position, bodies=self._bodies):
            self.position = message.sequence
            for follower in tuple(self._followers):
                follower(message)
