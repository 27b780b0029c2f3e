"""Runs the load, the kills and the progress counter concurrently, until the load is done or time is up."""

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

__all__ = ["ChaosEvent", "Counted", "play_chaos"]

_MAX_RATE: Final = 25  # events a second
_LAST_KILL_WITHIN: Final = 15.0  # seconds after the last event was published
_REPORT_EVERY: Final = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Counted:
    """The progress of the load: events published, events whose run ended, and the total."""

    published: int
    ended: int
    of: int


ChaosEvent = Killed | Back | Counted


async def play_chaos(  # noqa: PLR0913 (every parameter of a chaos run)
    events: Sequence[Planned],
    *,
    bus: NatsSettings,
    state: Path,
    victims: Sequence[str],
    every: timedelta,
    seed: int,
    report: Callable[[ChaosEvent], None],
) -> None:
    """Publish the events while processes of the suite are killed; all of them are ready again at the end.

    Raises:
        PerdureError: A process was not ready again in time, or NATS was unavailable for too long.
    """
    seconds = max(len(events) / _MAX_RATE, every.total_seconds() * (len(victims) + 1))
    async with AsyncExitStack() as stack:
        js = (await stack.enter_async_context(plain_client(bus, name="perdure/chaos"))).jetstream()
        load, counter = Load(js, events, seconds=seconds), ProgressCounter(js, events)
        killer = Killer(state, kill_order(victims, seed), seed=seed, report=report)
        await stack.enter_async_context(background(counter.count_for_ever()))
        await stack.enter_async_context(background(_report_for_ever(load, counter, len(events), report)))
        publishing = asyncio.create_task(load.publish())
        stack.callback(publishing.cancel)
        await _kill_until_done(killer, counter, publishing, every=every, victims=victims, of=len(events))
        await publishing
        report(Counted(len(load.published), counter.ended, len(events)))


async def _kill_until_done(  # noqa: PLR0913 (every input to when the kills end)
    killer: Killer,
    counter: ProgressCounter,
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
            late = time.monotonic() - published_at > _LAST_KILL_WITHIN
            if late or publishing.exception() or (counter.ended == of and set(killer.killed) == set(victims)):
                return
        await killer.kill()


async def _report_for_ever(load: Load, counter: ProgressCounter, of: int, report: Callable[[ChaosEvent], None]) -> None:
    while True:
        report(Counted(len(load.published), counter.ended, of))
        await asyncio.sleep(_REPORT_EVERY)
