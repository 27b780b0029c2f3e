"""Runs the load, the faults, the bot and the progress counter concurrently, until the load is done or time is up."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from nats.js import JetStreamContext

from perdure.approvers.enrolment import find_key
from perdure.bus import connect
from perdure.chaos.bot import ApprovingBot
from perdure.chaos.kinds import make_faults
from perdure.chaos.load import Load
from perdure.chaos.places import fill_places
from perdure.chaos.plan import Planned
from perdure.chaos.progress_counter import Counted, ProgressCounter
from perdure.chaos.stage import Stage
from perdure.chaos.strike import Healed, Struck
from perdure.chaos.striker import Striker
from perdure.config.settings import Settings
from perdure.connections.nats import plain_client
from perdure.local.discovery import discover
from perdure.runtime.background import background

__all__ = ["ChaosEvent", "ChaosRun", "Scene", "play_chaos"]

_MAX_RATE: Final = 25  # events a second
_LAST_FAULT_WITHIN: Final = 15.0  # seconds after the last event was published
_ENDED_WITHIN: Final = 60.0  # seconds after the last fault, after which the places are filled anyway
_REPORT_EVERY: Final = 0.5  # seconds

ChaosEvent = Struck | Healed | Counted


@dataclass(frozen=True, slots=True)
class ChaosRun:
    """One chaos run.

    Attributes:
        label: The beginning of the ids of its events.
        events: What is published.
        faults: The kinds of faults.
        victims: The parts to kill.
        every: Time between two faults.
        seed: Determines all random choices.
        strikes: The number of faults; None for each target once, then on as long as there is load.
    """

    label: str
    events: Sequence[Planned]
    faults: Sequence[str]
    victims: Sequence[str]
    every: timedelta
    seed: int
    strikes: int | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """The suite that a chaos run strikes.

    Attributes:
        settings: Its configuration.
        stage: What was put in place for faults; None for a suite that ran before.
        kept: A file for what deleted streams held.
    """

    settings: Settings
    stage: Stage | None
    kept: Path


async def play_chaos(run: ChaosRun, scene: Scene, *, report: Callable[[ChaosEvent], None]) -> list[Planned]:
    """Publish the events while faults strike the suite; all is mended at the end.

    Returns:
        Every event that was published.

    Raises:
        PerdureError: A part was not ready again in time, or NATS was unavailable for too long.
    """
    async with AsyncExitStack() as stack:
        bus = discover(scene.settings)[0]
        js = (await stack.enter_async_context(plain_client(bus, name="perdure/chaos"))).jetstream()
        striker = _striker(run, scene, js, report)
        load, counter = Load(js, run.events, seconds=_seconds(run, striker)), ProgressCounter(js, run.events)
        if scene.stage is not None:
            await stack.enter_async_context(background(_bot_for_ever(run, scene)))
        await stack.enter_async_context(background(counter.count_for_ever()))
        await stack.enter_async_context(background(_report_for_ever(load, counter, report)))
        publishing = asyncio.create_task(load.publish())
        stack.callback(publishing.cancel)
        await _strike_until_done(striker, counter, publishing, every=run.every)
        await publishing
        report(counter.counted(load))
        if scene.stage is None:
            return list(run.events)
        await _ended(counter)
        return [*run.events, *await fill_places(js, load.publish_one, label=run.label)]


def _striker(run: ChaosRun, scene: Scene, js: JetStreamContext, report: Callable[[ChaosEvent], None]) -> Striker:
    faults = make_faults(
        run.faults,
        state=scene.settings.state,
        victims=run.victims,
        stage=scene.stage or Stage(),
        js=js,
        kept=scene.kept,
    )
    return Striker(faults, run.seed, strikes=run.strikes, report=report)


def _seconds(run: ChaosRun, striker: Striker) -> float:
    """Return how long to publish: long enough for all strikes."""
    return max(len(run.events) / _MAX_RATE, striker.seconds(run.every.total_seconds()))


async def _bot_for_ever(run: ChaosRun, scene: Scene) -> None:
    settings = scene.settings
    async with connect(discover(settings)[0], source="perdure/chaos-bot") as bus:
        name, key = find_key(settings.keys_folder, None)
        await ApprovingBot(bus, name, key, seed=run.seed).decide_for_ever()


async def _strike_until_done(
    striker: Striker, counter: ProgressCounter, publishing: asyncio.Task[None], *, every: timedelta
) -> None:
    published_at: float | None = None
    while True:
        await asyncio.sleep(every.total_seconds())
        if publishing.done():
            published_at = published_at or time.monotonic()
            late = time.monotonic() - published_at > _LAST_FAULT_WITHIN
            if late or publishing.exception() or (counter.all_ended and striker.is_enough):
                return
        await striker.strike()


async def _ended(counter: ProgressCounter) -> None:
    """Wait until the load has ended; what has not ended in time is for the verifier to name."""
    deadline = time.monotonic() + _ENDED_WITHIN
    while not counter.all_ended and time.monotonic() < deadline:
        await asyncio.sleep(_REPORT_EVERY)


async def _report_for_ever(load: Load, counter: ProgressCounter, report: Callable[[ChaosEvent], None]) -> None:
    while True:
        report(counter.counted(load))
        await asyncio.sleep(_REPORT_EVERY)
