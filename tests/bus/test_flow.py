"""What waits, waits in a stream; what goes by limits keeps them, however many ingest processes there are."""

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
from perdure_ingest.flow_control import Handover
from tests.support.deliveries import Delivered
from tests.support.fuse import Fuse, Fused, Killed
from tests.support.ingest import create_ingest, open_handover

REPLICAS = 3


@dataclass
class Door:
    """Several ingest processes at one bus, and what they let through."""

    bus: Bus
    entries: KeyValue
    starts: KeyValue
    settings: Settings
    handovers: list[Handover] = field(default_factory=list)
    published: int = 0
    soon: float = 0.3  # seconds in which what comes too early would have come

    async def publish(self, data: dict[str, Any], event_id: str | None = None) -> None:
        """Publish an event, and let one of the processes hear it."""
        self.published += 1
        headers = {"Nats-Msg-Id": event_id or f"e{self.published}"}
        place = await self.bus.publish_raw(RawMessage("events.said", json.dumps(data).encode(), headers))
        heard = await self.bus.first("events.said", after=place - 1)
        assert heard is not None
        await self.hear(heard, self.handovers[self.published % len(self.handovers)])

    async def hear(self, heard: StoredMessage, handover: Handover) -> None:
        delivery = Delivered(message=heard)
        ear, _ = create_ingest(self.settings, self.bus, handover).subscriptions
        await settle(delivery, ear.handle, bus=self.bus, service="ingest")

    async def started(self) -> list[StartWorkflow]:
        said = [decode(heard.raw) async for heard in self.bus.read("commands.start.>")]
        return [it for it in said if isinstance(it, StartWorkflow)]

    async def events_started(self) -> list[str]:
        return [start.event.id for start in await self.started()]

    async def expect(self, *event_ids: str) -> None:
        """Wait for exactly these starts, in any order, and see that no other comes soon after."""
        async with asyncio.timeout(10):
            while not set(event_ids) <= set(await self.events_started()):
                await asyncio.sleep(0.02)
        await asyncio.sleep(self.soon)
        assert sorted(await self.events_started()) == sorted(event_ids)

    async def end(self, event_id: str, kind: ProgressKind = "completed") -> None:
        """Let the orchestrator run this start to its end."""
        start = next(it for it in await self.started() if it.event.id == event_id)
        await StartLedger(self.starts).started(start)
        run = start.workflow_id
        now = datetime.now(UTC)
        await self.bus.publish(Progress(workflow="Echo", workflow_id=run, run_id=run, sequence=1, kind=kind, at=now))


@asynccontextmanager
async def door(bus: Bus, entries: KeyValue, starts: KeyValue, **route: Any) -> AsyncIterator[Door]:
    settings = Settings(routes=(Route.model_validate({"on": "said", "start": "Echo", **route}),))
    here = Door(bus, entries, starts, settings)
    async with AsyncExitStack() as stack:
        for _ in range(REPLICAS):
            handover = open_handover(settings, bus, entries=entries, ledger=starts)
            here.handovers.append(handover)
            await stack.enter_async_context(background(*handover.duties()))
        yield here


@pytest_asyncio.fixture(params=["memory", "nats"])
async def open_door(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Each adapter in turn."""
    if request.param == "memory":
        bus, entries, starts = MemoryBus(), MemoryKeyValue(), MemoryKeyValue()
        yield lambda **route: door(bus, entries, starts, **route)
        return
    async with connect(request.getfixturevalue("nats_settings"), source="perdure/test", within=5) as nats:
        await provision(nats.js, "ingest")
        yield lambda **route: door(nats, NatsKeyValue(nats.js, "FLOW"), NatsKeyValue(nats.js, "STARTS"), **route)


async def test_no_more_runs_are_open_than_the_route_allows(open_door: Any) -> None:
    async with open_door(flow={"max_open": 2}) as here:
        for _ in range(5):
            await here.publish({})
        await here.expect("e1", "e2")
        await here.end("e1", "failed")
        await here.expect("e1", "e2", "e3")
        await here.end("e3")
        await here.end("e2", "terminated")
        await here.expect("e1", "e2", "e3", "e4", "e5")


async def test_keys_have_limits_of_their_own_and_do_not_wait_for_each_other(open_door: Any) -> None:
    async with open_door(flow={"key": "data.tenant", "max_open_per_key": 1}) as here:
        for tenant in ("a", "a", "a", "b"):
            await here.publish({"tenant": tenant})
        await here.expect("e1", "e4")
        await here.end("e1")
        await here.expect("e1", "e4", "e2")


async def test_starts_keep_their_rate(open_door: Any) -> None:
    async with open_door(flow={"rate": "4/s"}) as here:
        began = asyncio.get_running_loop().time()
        for _ in range(4):
            await here.publish({})
        async with asyncio.timeout(10):
            while len(await here.started()) < 4:
                await asyncio.sleep(0.02)

        assert asyncio.get_running_loop().time() - began >= 3 * 0.25


async def test_the_most_urgent_goes_first(open_door: Any) -> None:
    async with open_door(flow={"max_open": 1}, priority="data.urgency") as here:
        await here.publish({"urgency": 3})
        await here.expect("e1")
        for urgency in (5, 1):
            await here.publish({"urgency": urgency})
        await here.end("e1")
        await here.expect("e1", "e3")


async def test_of_events_in_quick_succession_the_last_one_counts(open_door: Any) -> None:
    async with open_door(flow={"key": "data.doc", "debounce": "400ms"}) as here:
        for doc in ("a", "a", "b", "a"):
            await here.publish({"doc": doc})
        await here.expect("e3", "e4")


async def test_a_batch_is_one_run_for_many_events_when_it_is_full_or_old_enough(open_door: Any) -> None:
    async with open_door(flow={"batch": {"size": 3, "within": "1s"}}, input="data.n") as here:
        for number in range(5):
            await here.publish({"n": number})
        await here.publish({"n": 0}, event_id="e1")  # again: it was collected before
        await here.expect("e1", "e4")
        inputs = [start.input for start in await here.started()]

    assert inputs == [[0, 1, 2], [3, 4]]


async def test_of_a_singleton_there_is_one_open_run_and_the_others_are_skipped(open_door: Any) -> None:
    async with open_door(flow={"key": "data.doc", "singleton": "skip"}) as here:
        for doc in ("a", "a", "b"):
            await here.publish({"doc": doc})
        await here.expect("e1", "e3")
        await here.end("e1")
        await here.publish({"doc": "a"})
        await here.expect("e1", "e3", "e4")


async def test_of_a_singleton_the_open_run_may_be_cancelled_and_only_the_newest_goes_next(open_door: Any) -> None:
    async with open_door(flow={"key": "data.doc", "singleton": "cancel"}) as here:
        await here.publish({"doc": "a"})
        await here.expect("e1")
        for _ in range(2):
            await here.publish({"doc": "a"})
        await here.expect("e1")
        cancelled = [decode(heard.raw) async for heard in here.bus.read("commands.cancel.>")]
        await here.end("e1", "cancelled")
        await here.expect("e1", "e3")

    assert {it.workflow_id for it in cancelled if isinstance(it, CancelWorkflow)} == {"Echo-e1"}


async def test_a_start_that_the_orchestrator_gave_up_on_makes_room(open_door: Any) -> None:
    async with open_door(flow={"max_open": 1}) as here:
        for _ in range(2):
            await here.publish({})
        await here.expect("e1")
        command = await here.bus.first("commands.start.>")
        await here.bus.publish(
            make_dead_letter(command, "unknown_workflow", "no such workflow", service="orchestrator")
        )
        letter = await here.bus.first("dlq.>")
        await here.handovers[0].return_dead_letter(letter)
        await here.expect("e1", "e2")


async def test_outside_its_window_everything_waits(open_door: Any) -> None:
    hour = (datetime.now(UTC).hour + 12) % 24
    closed = {"opens": f"{hour:02}:00", "closes": f"{hour:02}:30"}
    async with open_door(window=closed) as here:
        await here.publish({})
        await here.expect()

        assert len(await here.bus.count_by_subject("waiting.>")) == 1


async def test_what_waits_of_a_route_that_lost_its_flow_control_goes_at_once(open_door: Any) -> None:
    flows: list[dict[str, Any]] = [
        {"max_open": 1},
        {"debounce": "1h"},
        {"batch": {"size": 9, "within": "1h"}},
    ]
    for number, flow in enumerate(flows):
        async with open_door(name=f"r{number}", flow=flow) as here:
            await here.publish({}, event_id=f"first{number}")
            await here.publish({}, event_id=f"then{number}")
    async with open_door(name="another") as here:
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
async def test_wherever_ingest_dies_with_what_waits_another_process_goes_on_and_nothing_runs_twice(
    flow: dict[str, Any],
) -> None:
    for number in itertools.count(1):
        bus, entries, starts, fuse = MemoryBus(), MemoryKeyValue(), MemoryKeyValue(), Fuse(number)
        route = Route.model_validate({"on": "said", "start": "Echo", "flow": flow})
        settings = Settings(routes=(route,))
        dying = open_handover(settings, Fused(bus, fuse), entries=Fused(entries, fuse), ledger=Fused(starts, fuse))
        here = Door(bus, entries, starts, settings, [dying])
        with suppress(Killed):
            await here.publish({})
            await let_go(dying)
        async with door(bus, entries, starts, flow=flow) as living:
            living.soon = 0.05
            heard = await bus.first("events.said")
            assert heard is not None
            await living.hear(heard, living.handovers[0])  # it was not acknowledged, or that is not known
            await living.expect("e1")
            await living.end("e1")
            await living.publish({}, event_id="e2")
            await living.expect("e1", "e2")
        if fuse.left > 0:
            break
    assert number > 4


@pytest.mark.parametrize("flow", [{"max_open": 1}, {"key": "'k'", "max_open_per_key": 1}])
async def test_what_a_dead_process_let_go_is_not_overtaken_for_ever(
    flow: dict[str, Any],
) -> None:
    for number in itertools.count(1):
        bus, entries, starts, fuse = MemoryBus(), MemoryKeyValue(), MemoryKeyValue(), Fuse(number)
        route = {"priority": "data.urgency", "flow": flow}
        settings = Settings(routes=(Route.model_validate({"on": "said", "start": "Echo", **route}),))
        dying = open_handover(settings, Fused(bus, fuse), entries=Fused(entries, fuse), ledger=Fused(starts, fuse))
        here = Door(bus, entries, starts, settings, [dying])
        with suppress(Killed):
            await here.publish({"urgency": 3})
            await let_go(dying)
        async with door(bus, entries, starts, **route) as living:
            living.soon = 0.05
            await living.publish({"urgency": 1}, event_id="e2")
            heard = await bus.first("events.said")
            assert heard is not None
            await living.hear(heard, living.handovers[0])
            async with asyncio.timeout(10):
                while not (going := await living.events_started()):
                    await asyncio.sleep(0.02)
            await living.end(going[0])
            await living.expect("e1", "e2")
        if fuse.left > 0:
            break


async def let_go(handover: Handover) -> None:
    """Let a process look after what waits, until it dies of it or has nothing left to do."""
    duties = {asyncio.create_task(duty) for duty in handover.duties()}
    died, resting = await asyncio.wait(duties, timeout=0.1, return_when=asyncio.FIRST_EXCEPTION)
    for duty in resting:
        duty.cancel()
    await asyncio.wait(duties)
    for duty in died:
        duty.result()
