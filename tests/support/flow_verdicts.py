"""The verdicts on an event in the order in which they were made."""

import asyncio

from perdure.bus import decode
from perdure.contracts import EventVerdict, RouteVerdict
from tests.support.ingest import Ingest

__all__ = ["verdicts", "verdicts_of"]


async def verdicts_of(here: Ingest, event_id: str) -> list[RouteVerdict]:
    found = [decode(message.raw) async for message in here.bus.read("verdicts.>")]
    of_event = [it for it in found if isinstance(it, EventVerdict) and it.event_id == event_id]
    return [it.routes[0] for it in sorted(of_event, key=lambda it: it.change)]


async def verdicts(here: Ingest, event_id: str, *expected: str) -> list[RouteVerdict]:
    """Wait until an event has these verdicts, and return them."""
    async with asyncio.timeout(20):
        while True:
            found = await verdicts_of(here, event_id)
            if [it.verdict for it in found] == list(expected):
                return found
            await asyncio.sleep(0.05)
