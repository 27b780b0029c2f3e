"""Pushes the middle of a page whenever it changes: the state, not the steps to it, so that nothing is lost or doubled.

Each push carries how far the streams were read. A page that comes back with that id (``Last-Event-ID``) gets what it
has missed, and nothing if it has missed nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Final

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request

from perdure.errors import Unavailable
from perdure_console.feed import BusFeed
from perdure_console.identity import Identities

__all__ = ["Draw", "Live"]

Draw = Callable[[], Awaitable[str]]
"""Returns the middle of a page as it is now; raises ``Unavailable`` if the bus does not answer."""

_AT_MOST_EVERY: Final = 0.3  # seconds between two pushes to a page
_AT_LEAST_EVERY: Final = 10.0  # seconds between two looks: that a time is over, no message says
_TRY_AGAIN: Final = 1.0  # seconds
_STALE: Final = "stale"


class Live:
    """The streams of server-sent events of all open pages.

    Args:
        feed: Says when something has changed.
        identities: Says whether somebody is still logged in.
    """

    def __init__(self, feed: BusFeed, identities: Identities) -> None:
        self._feed = feed
        self._identities = identities
        self._closing = asyncio.Event()
        self._drawn: dict[str, tuple[str, asyncio.Task[str]]] = {}

    def close(self) -> None:
        """End all streams; the pages come back by themselves."""
        self._closing.set()

    def stream(self, request: Request, draw: Draw, *, key: str, patterns: Collection[str]) -> EventSourceResponse:
        """Return the stream of one page.

        Args:
            request: The page's request, with the place at which it was drawn as ``seen`` or ``Last-Event-ID``.
            draw: Draws the middle.
            key: What it shows and for whom: pages with the same key share what is drawn.
            patterns: The subjects whose messages may change it.
        """
        return EventSourceResponse(self._events(request, draw, key, patterns), ping=15)

    async def _events(
        self, request: Request, draw: Draw, key: str, patterns: Collection[str]
    ) -> AsyncIterator[ServerSentEvent]:
        seen = request.headers.get("last-event-id") or request.query_params.get("seen", "")
        shown = None
        with self._feed.listening(patterns) as changed:
            while not self._closing.is_set() and self._identities.of(request) is not None:
                changed.clear()
                place = self._feed.place
                wait = _AT_LEAST_EVERY
                if place != seen or shown is not None:
                    try:
                        drawn = await self._shared(key, place, draw)
                    except Unavailable:
                        yield ServerSentEvent(data="", event=_STALE)
                        wait = _TRY_AGAIN
                    else:
                        if drawn != shown:
                            yield ServerSentEvent(data=drawn, id=place)
                        shown, seen = drawn, place
                else:
                    shown, seen = "", ""
                await self._wait(changed, wait)

    async def _wait(self, changed: asyncio.Event, seconds: float) -> None:
        waiting = {asyncio.create_task(it.wait()) for it in (changed, self._closing)}
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        if not self._closing.is_set():
            await asyncio.sleep(_AT_MOST_EVERY)

    async def _shared(self, key: str, place: str, draw: Draw) -> str:
        """Draw once for all pages that show the same at the same place."""
        known = self._drawn.get(key)
        if known is None or known[0] != place or known[1].done():
            known = place, asyncio.ensure_future(draw())
            self._drawn[key] = known
            known[1].add_done_callback(lambda task: self._forget(key, task))
        return await asyncio.shield(known[1])

    def _forget(self, key: str, task: asyncio.Task[str]) -> None:
        if (known := self._drawn.get(key)) is not None and known[1] is task:
            del self._drawn[key]
