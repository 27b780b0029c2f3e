"""Read model of pauses: what is paused now, since when, by whom and why."""

from typing import Final

from perdure.bus.envelope import decode
from perdure.bus.port import Bus, StoredMessage
from perdure.contracts import PauseChanged, to_token
from perdure.contracts.pauses import SUITE, paused_route
from perdure.errors import InvalidMessage

__all__ = ["pause_of", "pauses", "route_pause", "suite_pause"]

_ALL: Final = "admin.pause.*"


async def suite_pause(bus: Bus) -> PauseChanged | None:
    """Return the pause of the whole suite, or None if it is not paused.

    Raises:
        Unavailable: NATS does not answer.
    """
    return await pause_of(bus, SUITE)


async def route_pause(bus: Bus, route: str) -> PauseChanged | None:
    """Return the pause of a route, or None if it is not paused; raises as ``suite_pause`` does."""
    return await pause_of(bus, paused_route(route))


async def pause_of(bus: Bus, what: str) -> PauseChanged | None:
    """Return the pause of something, or None if it is not paused; raises as ``suite_pause`` does."""
    return _holding(await bus.last(f"admin.pause.{to_token(what)}"))


async def pauses(bus: Bus) -> dict[str, PauseChanged]:
    """Return all pauses that hold, by what is paused; raises as ``suite_pause`` does."""
    found = [_holding(message) async for message in bus.read(_ALL, last_only=True)]
    return {pause.what: pause for pause in found if pause is not None}


def _holding(message: StoredMessage | None) -> PauseChanged | None:
    """Return the pause that a message brings; what nobody can read is none."""
    try:
        changed = None if message is None else decode(message.raw)
    except InvalidMessage:
        return None
    return changed if isinstance(changed, PauseChanged) and changed.holds else None
