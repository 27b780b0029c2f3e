"""Load, kills and looking on at once, until the load is done or time is up."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from perdure.chaos.kills import Back, Killed, Killer
from perdure.chaos.load import Load
from perdure.chaos.plan import Planned, kill_order
from perdure.chaos.progress_counter import ProgressCounter
from perdure.config.settings import NatsSettings
from perdure.connections.nats import plain_client
from perdure.runtime.background import background

__all__ = ["Counted", "Happening", "play"]

_PER_SECOND: Final = 25  # events, at the most
_KILLS_GO_ON: Final = 15.0  # seconds after the last event was published, at the most
_COUNT_EVERY: Final = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Counted:
    """How far the load has come."""

    published: int
    ended: int
    of: int


Happening = Killed | Back | Counted


async def play(  # noqa: PLR0913 (all that there is to decide)
    events: Sequence[Planned],
    *,
    bus: NatsSettings,
    state: Path,
    victims: Sequence[str],
    every: timedelta,
    seed: int,
    tell: Callable[[Happening], None],
) -> None:
    """Publish the events while the suite of this folder is killed part by part; all of it is back at the end.

    Raises:
        PerdureError: A part does not come back, or NATS was away for too long.
    """
    seconds = max(len(events) / _PER_SECOND, every.total_seconds() * (len(victims) + 1))
    async with AsyncExitStack() as stack:
        js = (await stack.enter_async_context(plain_client(bus, name="perdure/chaos"))).jetstream()
        load, watch = Load(js, events, seconds=seconds), ProgressCounter(js, events)
        killer = Killer(state, kill_order(victims, seed), seed=seed, tell=tell)
        await stack.enter_async_context(background(watch.look_for_ever()))
        await stack.enter_async_context(background(_count_for_ever(load, watch, len(events), tell)))
        publishing = asyncio.create_task(load.publish())
        stack.callback(publishing.cancel)
        await _kill_until_done(killer, watch, publishing, every=every, victims=victims, of=len(events))
        await publishing
        tell(Counted(len(load.published), watch.ended, len(events)))


async def _kill_until_done(  # noqa: PLR0913 (all that decides when that is)
    killer: Killer,
    watch: ProgressCounter,
    publishing: asyncio.Task[None],
    *,
    every: timedelta,
    victims: Sequence[str],
    of: int,
) -> None:
    published_at: float | None = None
    while True:
        await asyncio.sleep(every.total_seconds())
        if publishing.done():
            published_at = published_at or time.monotonic()
            late = time.monotonic() - published_at > _KILLS_GO_ON
            if late or publishing.exception() or (watch.ended == of and set(killer.killed) == set(victims)):
                return
        await killer.kill()


async def _count_for_ever(load: Load, watch: ProgressCounter, of: int, tell: Callable[[Happening], None]) -> None:
    while True:
        tell(Counted(len(load.published), watch.ended, of))
        await asyncio.sleep(_COUNT_EVERY)
