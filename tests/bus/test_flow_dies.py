"""Waiting starts are released once, wherever an ingest process dies."""

import asyncio
import itertools
from contextlib import suppress
from typing import Any

import pytest

from perdure.bus import MemoryBus, MemoryKeyValue
from perdure.config.routes import Route
from perdure.config.settings import Settings
from perdure.errors import Unavailable
from perdure.runtime.background import background
from perdure_ingest.flow_control import RouteQueues, releaser
from tests.support.fuse import Fuse, Fused, Killed
from tests.support.ingest import Ingest, create_queues, running_ingest


@pytest.mark.parametrize(
    "flow",
    [
        {"max_open": 1},
        {"key": "'k'", "max_open_per_key": 1},
        {"key": "'k'", "singleton": "cancel"},
        {"rate": "100/s"},
        {"debounce": "10ms"},
        {"batch": {"size": 1, "within": "1h"}},
    ],
)
async def test_wherever_ingest_dies_another_process_releases_the_waiting_start_once(
    flow: dict[str, Any],
) -> None:
    for number in itertools.count(1):
        bus, entries, starts, fuse = MemoryBus(), MemoryKeyValue(), MemoryKeyValue(), Fuse(number)
        route = Route.model_validate({"on": "placed", "start": "Echo", "flow": flow})
        settings = Settings(routes=(route,))
        dying = create_queues(settings, Fused(bus, fuse), entries=Fused(entries, fuse), ledger=Fused(starts, fuse))
        here = Ingest(bus, entries, starts, settings, [dying])
        with suppress(Killed):
            await here.publish({})
            await run_duties(dying)
        async with running_ingest(bus, entries, starts, flow=flow) as living:
            living.settle_seconds = 0.05
            message = await bus.first("events.placed")
            assert message is not None
            await living.deliver(message, living.processes[0])  # the acknowledgement is missing, or was lost
            await living.expect("e1")
            await living.end("e1")
            await living.publish({}, event_id="e2")
            await living.expect("e1", "e2")
        if fuse.left > 0:
            break
    assert number > 4


@pytest.mark.parametrize("flow", [{"max_open": 1}, {"key": "'k'", "max_open_per_key": 1}])
async def test_a_start_that_a_dead_process_was_releasing_is_released_in_the_end(
    flow: dict[str, Any],
) -> None:
    for number in itertools.count(1):
        bus, entries, starts, fuse = MemoryBus(), MemoryKeyValue(), MemoryKeyValue(), Fuse(number)
        route = {"priority": "data.urgency", "flow": flow}
        settings = Settings(routes=(Route.model_validate({"on": "placed", "start": "Echo", **route}),))
        dying = create_queues(settings, Fused(bus, fuse), entries=Fused(entries, fuse), ledger=Fused(starts, fuse))
        here = Ingest(bus, entries, starts, settings, [dying])
        with suppress(Killed):
            await here.publish({"urgency": 3})
            await run_duties(dying)
        async with running_ingest(bus, entries, starts, **route) as living:
            living.settle_seconds = 0.05
            await living.publish({"urgency": 1}, event_id="e2")
            message = await bus.first("events.placed")
            assert message is not None
            await living.deliver(message, living.processes[0])
            async with asyncio.timeout(10):
                while not (released := await living.events_started()):
                    await asyncio.sleep(0.02)
            await living.end(released[0])
            await living.expect("e1", "e2")
        if fuse.left > 0:
            break


class Outage(Fuse):
    """NATS does not answer one call, before or after it has done what was asked."""

    def spark(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Unavailable("NATS is away")


async def test_whichever_call_nats_does_not_answer_each_start_is_released_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(releaser, "_AGAIN_AFTER", 0.01)
    for number in itertools.count(1):
        bus, entries, starts, fuse = MemoryBus(), MemoryKeyValue(), MemoryKeyValue(), Outage(10**9)
        settings = Settings(routes=(Route.model_validate({"on": "placed", "start": "Echo", "flow": {"max_open": 1}}),))
        process = create_queues(settings, Fused(bus, fuse), entries=Fused(entries, fuse), ledger=Fused(starts, fuse))
        here = Ingest(bus, entries, starts, settings, [process], settle_seconds=0.02)
        async with background(*process.duties()):
            await here.publish({})
            await here.expect("e1")
            await here.publish({})
            fuse.left = number
            await here.end("e1")
            await here.expect("e1", "e2")
        if fuse.left > 0:
            break
    assert number > 10


async def run_duties(process: RouteQueues) -> None:
    """Run the background tasks of a process until one dies, or for a moment."""
    duties = {asyncio.create_task(duty) for duty in process.duties()}
    died, resting = await asyncio.wait(duties, timeout=0.1, return_when=asyncio.FIRST_EXCEPTION)
    for duty in resting:
        duty.cancel()
    await asyncio.wait(duties)
    for duty in died:
        duty.result()
