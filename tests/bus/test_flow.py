"""Starts beyond a route's limits wait in a stream, and any number of ingest processes keep the limits together."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from perdure.bus import (
    Bus,
    KeyValue,
    MemoryBus,
    MemoryKeyValue,
    NatsKeyValue,
    RawMessage,
    StoredMessage,
    connect,
    decode,
)
from perdure.bus.jetstream.provision import provision
from perdure.bus.settlement import make_dead_letter, settle
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.routes import Route
from perdure.config.settings import Settings
from perdure.contracts import CancelWorkflow, Progress, ProgressKind, StartWorkflow
from perdure.runtime.background import background
from perdure_ingest.flow_control import RouteQueues
from tests.support.deliveries import Delivered
from tests.support.fuse import Fuse, Fused, Killed
from tests.support.ingest import create_ingest, create_queues

REPLICAS = 3


@dataclass
class Ingest:
    """Several ingest processes on one bus, and the starts that they publish."""

    bus: Bus
    entries: KeyValue
    starts: KeyValue
    settings: Settings
    processes: list[RouteQueues] = field(default_factory=list)
    published: int = 0
    settle_seconds: float = 0.3  # in this time, a start that must not come would have come

    async def publish(self, data: dict[str, Any], event_id: str | None = None) -> None:
        """Publish an event, and deliver it to one of the processes."""
        self.published += 1
        headers = {"Nats-Msg-Id": event_id or f"e{self.published}"}
        sequence = await self.bus.publish_raw(RawMessage("events.placed", json.dumps(data).encode(), headers))
        message = await self.bus.first("events.placed", after=sequence - 1)
        assert message is not None
        await self.deliver(message, self.processes[self.published % len(self.processes)])

    async def deliver(self, message: StoredMessage, process: RouteQueues) -> None:
        delivery = Delivered(message=message)
        events, _ = create_ingest(self.settings, self.bus, process).subscriptions
        await settle(delivery, events.handle, bus=self.bus, service="ingest")

    async def started(self) -> list[StartWorkflow]:
        commands = [decode(message.raw) async for message in self.bus.read("commands.start.>")]
        return [it for it in commands if isinstance(it, StartWorkflow)]

    async def events_started(self) -> list[str]:
        return [start.event.id for start in await self.started()]

    async def expect(self, *event_ids: str) -> None:
        """Wait for exactly these starts, in any order, and see that no other comes soon after."""
        async with asyncio.timeout(10):
            while not set(event_ids) <= set(await self.events_started()):
                await asyncio.sleep(0.02)
        await asyncio.sleep(self.settle_seconds)
        assert sorted(await self.events_started()) == sorted(event_ids)

    async def end(self, event_id: str, kind: ProgressKind = "completed") -> None:
        """Run this start to its ending, as the orchestrator would."""
        start = next(it for it in await self.started() if it.event.id == event_id)
        await StartLedger(self.starts).started(start)
        run = start.workflow_id
        now = datetime.now(UTC)
        await self.bus.publish(Progress(workflow="Echo", workflow_id=run, run_id=run, sequence=1, kind=kind, at=now))


@asynccontextmanager
async def running_ingest(bus: Bus, entries: KeyValue, starts: KeyValue, **route: Any) -> AsyncIterator[Ingest]:
    settings = Settings(routes=(Route.model_validate({"on": "placed", "start": "Echo", **route}),))
    here = Ingest(bus, entries, starts, settings)
    async with AsyncExitStack() as stack:
        for _ in range(REPLICAS):
            process = create_queues(settings, bus, entries=entries, ledger=starts)
            here.processes.append(process)
            await stack.enter_async_context(background(*process.duties()))
        yield here


@pytest_asyncio.fixture(params=["memory", "nats"])
async def open_ingest(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Ingest on each adapter of the bus in turn."""
    if request.param == "memory":
        bus, entries, starts = MemoryBus(), MemoryKeyValue(), MemoryKeyValue()
        yield lambda **route: running_ingest(bus, entries, starts, **route)
        return
    async with connect(request.getfixturevalue("nats_settings"), source="perdure/test", within=5) as nats:
        await provision(nats.js, "ingest")
        yield lambda **route: running_ingest(
            nats, NatsKeyValue(nats.js, "FLOW"), NatsKeyValue(nats.js, "STARTS"), **route
        )


async def test_no_more_runs_are_open_than_max_open(open_ingest: Any) -> None:
    async with open_ingest(flow={"max_open": 2}) as here:
        for _ in range(5):
            await here.publish({})
        await here.expect("e1", "e2")
        await here.end("e1", "failed")
        await here.expect("e1", "e2", "e3")
        await here.end("e3")
        await here.end("e2", "terminated")
        await here.expect("e1", "e2", "e3", "e4", "e5")


async def test_keys_have_limits_of_their_own_and_do_not_wait_for_each_other(open_ingest: Any) -> None:
    async with open_ingest(flow={"key": "data.tenant", "max_open_per_key": 1}) as here:
        for tenant in ("a", "a", "a", "b"):
            await here.publish({"tenant": tenant})
        await here.expect("e1", "e4")
        await here.end("e1")
        await here.expect("e1", "e4", "e2")


async def test_starts_keep_their_rate(open_ingest: Any) -> None:
    async with open_ingest(flow={"rate": "4/s"}) as here:
        began = asyncio.get_running_loop().time()
        for _ in range(4):
            await here.publish({})
        async with asyncio.timeout(10):
            while len(await here.started()) < 4:
                await asyncio.sleep(0.02)

        assert asyncio.get_running_loop().time() - began >= 3 * 0.25


async def test_the_most_urgent_start_is_released_first(open_ingest: Any) -> None:
    async with open_ingest(flow={"max_open": 1}, priority="data.urgency") as here:
        await here.publish({"urgency": 3})
        await here.expect("e1")
        for urgency in (5, 1):
            await here.publish({"urgency": urgency})
        await here.end("e1")
        await here.expect("e1", "e3")


async def test_of_debounced_events_only_the_last_one_starts_a_run(open_ingest: Any) -> None:
    async with open_ingest(flow={"key": "data.doc", "debounce": "400ms"}) as here:
        for doc in ("a", "a", "b", "a"):
            await here.publish({"doc": doc})
        await here.expect("e3", "e4")


async def test_a_batch_is_one_run_for_many_events_when_it_is_full_or_old_enough(open_ingest: Any) -> None:
    async with open_ingest(flow={"batch": {"size": 3, "within": "1s"}}, input="data.n") as here:
        for number in range(5):
            await here.publish({"n": number})
        await here.publish({"n": 0}, event_id="e1")  # a duplicate: it is in the batch already
        await here.expect("e1", "e4")
        inputs = [start.input for start in await here.started()]

    assert inputs == [[0, 1, 2], [3, 4]]


async def test_a_singleton_that_skips_drops_events_while_a_run_with_their_key_is_open(open_ingest: Any) -> None:
    async with open_ingest(flow={"key": "data.doc", "singleton": "skip"}) as here:
        for doc in ("a", "a", "b"):
            await here.publish({"doc": doc})
        await here.expect("e1", "e3")
        await here.end("e1")
        await here.publish({"doc": "a"})
        await here.expect("e1", "e3", "e4")


async def test_a_singleton_that_cancels_cancels_the_open_run_and_starts_only_the_newest(open_ingest: Any) -> None:
    async with open_ingest(flow={"key": "data.doc", "singleton": "cancel"}) as here:
        await here.publish({"doc": "a"})
        await here.expect("e1")
        for _ in range(2):
            await here.publish({"doc": "a"})
        await here.expect("e1")
        cancelled = [decode(message.raw) async for message in here.bus.read("commands.cancel.>")]
        await here.end("e1", "cancelled")
        await here.expect("e1", "e3")

    assert {it.workflow_id for it in cancelled if isinstance(it, CancelWorkflow)} == {"Echo-e1"}


async def test_a_dead_lettered_start_frees_its_slot(open_ingest: Any) -> None:
    async with open_ingest(flow={"max_open": 1}) as here:
        for _ in range(2):
            await here.publish({})
        await here.expect("e1")
        command = await here.bus.first("commands.start.>")
        await here.bus.publish(
            make_dead_letter(command, "unknown_workflow", "no such workflow", service="orchestrator")
        )
        dead_letter = await here.bus.first("dlq.>")
        await here.processes[0].free_slot(dead_letter)
        await here.expect("e1", "e2")


async def test_every_start_waits_while_the_window_is_closed(open_ingest: Any) -> None:
    hour = (datetime.now(UTC).hour + 12) % 24
    closed = {"opens": f"{hour:02}:00", "closes": f"{hour:02}:30"}
    async with open_ingest(window=closed) as here:
        await here.publish({})
        await here.expect()

        assert len(await here.bus.count_by_subject("waiting.>")) == 1


async def test_waiting_starts_of_a_route_without_flow_control_are_released_at_once(open_ingest: Any) -> None:
    flows: list[dict[str, Any]] = [
        {"max_open": 1},
        {"debounce": "1h"},
        {"batch": {"size": 9, "within": "1h"}},
    ]
    for number, flow in enumerate(flows):
        async with open_ingest(name=f"r{number}", flow=flow) as here:
            await here.publish({}, event_id=f"first{number}")
            await here.publish({}, event_id=f"then{number}")
    async with open_ingest(name="another") as here:
        await here.expect("first0", "then0", "then1", "first2")
        assert await here.bus.count_by_subject("waiting.>") == {}
        assert await here.bus.count_by_subject("latest.>") == {}


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


async def run_duties(process: RouteQueues) -> None:
    """Run the background tasks of a process until one dies, or for a moment."""
    duties = {asyncio.create_task(duty) for duty in process.duties()}
    died, resting = await asyncio.wait(duties, timeout=0.1, return_when=asyncio.FIRST_EXCEPTION)
    for duty in resting:
        duty.cancel()
    await asyncio.wait(duties)
    for duty in died:
        duty.result()
