"""Proves that every place of the limited route is free again once its runs have ended."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from perdure.chaos.plan import Planned, plan_wave
from perdure.chaos.routes import MOST_OPEN
from perdure.verify.streams import Streams

__all__ = ["fill_places"]

_WAVES: Final = 6
_WITHIN: Final = 20.0  # seconds a wave
_LOOK_EVERY: Final = 0.2  # seconds


async def fill_places(
    js: JetStreamContext, publish: Callable[[Planned], Awaitable[None]], *, label: str
) -> list[Planned]:
    """Publish as many events as the limited route has places, until all of them start at once; a few times at most.

    Returns:
        All events that were published. Only those of the last wave must not have been held.
    """
    earlier: list[Planned] = []
    for number in range(1, _WAVES + 1):
        wave = plan_wave(MOST_OPEN, label=f"{label}-wave{number}")
        for event in wave:
            await publish(event)
        if number == _WAVES or await _all_started(js, wave):
            return [*earlier, *wave]
        earlier += [replace(event, at_once=False) for event in wave]
    return earlier


async def _all_started(js: JetStreamContext, wave: Sequence[Planned]) -> bool:
    """Wait until every event of a wave has a verdict; return whether none was held, and give runs time to end if so."""
    streams, ids = Streams(js), {event.id for event in wave}
    try:
        async with asyncio.timeout(_WITHIN):
            while (held := await _held(streams, ids)) is None:
                await asyncio.sleep(_LOOK_EVERY)
    except TimeoutError:
        return False
    if held:
        await asyncio.sleep(_WITHIN / 2)
    return not held


async def _held(streams: Streams, ids: set[str]) -> bool | None:
    """Return whether a start was held by a limit; None while a verdict is missing."""
    try:
        await streams.read("EVENTS", "VERDICTS")
    except (NatsError, OSError):
        return None
    places = {it.sequence for it in streams.published if it.id in ids}
    judged = [it for it in streams.judged if it.stream_sequence in places]
    if {it.stream_sequence for it in judged} != places or len(places) < len(ids):
        return None
    return any(claim.is_limited for it in judged for claim in it.claims)
