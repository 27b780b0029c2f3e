"""Another process leads a route after the first has died, also one that was of 0.1 or has a clock of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure.bus import MemoryBus, MemoryKeyValue, RawMessage, decode, encode
from perdure.bus.dead_letter import make_dead_letter
from perdure.bus.topology import STREAMS
from perdure.config.routes import Route
from perdure.config.settings import Settings
from perdure.contracts import CancelWorkflow, Progress, ProgressKind, StartWorkflow
from perdure.runtime.background import background
from perdure_ingest.flow_control import releaser
from tests.support.ingest import Ingest, create_queues, running_ingest

GARBAGE = RawMessage("progress.Echo.Echo=7Ee1", b"no progress at all", {})


@pytest.fixture
def opened() -> Any:
    """Return a function that opens ingest processes; they find what those before left."""
    bus, entries, starts = MemoryBus(), MemoryKeyValue(), MemoryKeyValue()

    @asynccontextmanager
    async def open_ingest(**route: Any) -> AsyncIterator[Ingest]:
        async with running_ingest(bus, entries, starts, **route) as here:
            yield here

    open_ingest.bus, open_ingest.entries = bus, entries  # type: ignore[attr-defined]
    return open_ingest


def ending(event_id: str, run_id: str = "1", kind: ProgressKind = "completed") -> Progress:
    run = f"Echo~{event_id}"
    return Progress(workflow="Echo", workflow_id=run, run_id=run_id, sequence=9, kind=kind, at=datetime.now(UTC))


async def test_endings_that_no_process_saw_free_their_slots(opened: Any) -> None:
    async with opened(flow={"max_open": 2}) as here:
        for _ in range(3):
            await here.publish({})
        await here.expect("e1", "e2")
    await here.bus.publish(ending("e1"))
    await here.bus.publish_raw(GARBAGE)
    await here.bus.publish(ending("e1").model_copy(update={"kind": "note", "sequence": 10}))
    async with opened(flow={"max_open": 2}) as here:
        await here.expect("e1", "e2", "e3")


async def test_a_run_whose_facts_are_all_forgotten_takes_no_slot(opened: Any) -> None:
    async with opened(flow={"max_open": 1}) as here:
        for _ in range(2):
            await here.publish({})
        await here.expect("e1")
    longer = STREAMS["PROGRESS"].max_age + timedelta(days=1)
    opened.bus.clock = lambda: datetime.now(UTC) + longer
    async with opened(flow={"max_open": 1}) as here:
        await here.expect("e1", "e2")


async def test_the_ending_of_an_earlier_run_of_the_same_id_frees_no_slot(opened: Any) -> None:
    opened.bus.clock = lambda: datetime.now(UTC) - timedelta(minutes=1)
    await opened.bus.publish(ending("e1", "before"))
    opened.bus.clock = lambda: datetime.now(UTC)
    async with opened(flow={"max_open": 1}) as here:
        for _ in range(2):
            await here.publish({})
        await here.expect("e1")
    async with opened(flow={"max_open": 1}) as here:
        await here.expect("e1")
        await here.bus.publish(ending("e1", "now"))
        await here.expect("e1", "e2")


async def test_a_start_that_is_refused_because_its_run_exists_frees_only_a_slot_of_its_own(opened: Any) -> None:
    async with opened(workflow_id="one-{data.n}", flow={"max_open": 2}) as here:
        for number in (1, 1, 2, 3):
            await here.publish({"n": number})
        await here.expect("e1", "e2", "e3")  # the second takes no slot: the orchestrator refuses it
        await refuse(here, "e2")
        await here.expect("e1", "e2", "e3")
        await refuse(here, "e1")
        await here.expect("e1", "e2", "e3", "e4")


async def refuse(here: Ingest, event_id: str) -> None:
    """Dead-letter the start of an event as the orchestrator would, for a run that exists."""
    async for message in here.bus.read("commands.start.>"):
        command = decode(message.raw)
        if command.event.id == event_id:  # type: ignore[attr-defined]
            await here.bus.publish(make_dead_letter(message, "run_exists", "it exists", service="orchestrator"))
    newest = await here.bus.last("dlq.>")
    assert newest is not None
    await here.processes[1].free_slot(newest)


async def test_two_dead_lettered_starts_of_one_run_free_its_slot_also_if_nobody_leads_then(opened: Any) -> None:
    route = {"workflow_id": "one-{data.n}", "flow": {"max_open": 1}}
    async with opened(**route) as here:
        for number in (1, 1, 2):
            await here.publish({"n": number})
        await here.expect("e1")
    first = await opened.bus.first("commands.start.>")
    second = StartWorkflow.model_validate_json(first.raw.body)
    second = second.model_copy(update={"event": second.event.model_copy(update={"id": "e2", "stream_sequence": 2})})
    queues = create_queues(here.settings, opened.bus, entries=opened.entries)
    for command in (first, replace(first, raw=encode(second, source="perdure/ingest"), sequence=first.sequence + 1)):
        await opened.bus.publish(make_dead_letter(command, "bad_data", "why", service="orchestrator"))
        await queues.free_slot(await opened.bus.last("dlq.>"))
    async with opened(**route) as here:
        await here.expect("e1", "e2")


@pytest.mark.parametrize("flow", [{"max_open": 3}, {"key": "data.k", "max_open_per_key": 2}])
async def test_open_runs_and_the_last_release_of_0_1_are_taken_over(opened: Any, flow: dict[str, Any]) -> None:
    """0.1 kept all open runs in one entry, and died while it released e3."""
    async with opened(flow={**flow, "max_open": 3}, window=CLOSED) as here:
        for _ in range(4):
            await here.publish({"k": "a"})
        await here.expect()
    third = await opened.bus.first("waiting.>", after=2)
    going = {"subject": third.raw.subject, "sequence": third.sequence, "command": None}
    runs = dict.fromkeys(("Echo-a", "Echo-b", "Echo~e3"), third.raw.subject.rsplit(".", 1)[-1])
    state = {"runs": runs, "next_start": None, "going": going}
    await opened.entries.put("Echo", json.dumps(state).encode())
    async with opened(flow=flow) as here:
        await here.expect("e3")
        for run in ("a", "b"):
            await here.bus.publish(ending("x", run).model_copy(update={"workflow_id": f"Echo-{run}"}))
        await here.expect("e3", "e1", *(["e2"] if "max_open" in flow else []))

    assert json.loads(await opened.entries.get("Echo")) == {"runs": {}, "next_start": None, "going": None}


async def test_runs_that_a_process_of_0_1_releases_meanwhile_take_slots_too(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releaser, "_COMPARE_EVERY", 0.0)
    async with opened(flow={"max_open": 1}) as here:
        await here.publish({})
        await here.expect("e1")
        await opened.entries.put("Echo", json.dumps({"runs": {"Echo-a": "="}, "next_start": None}).encode())
        async with asyncio.timeout(20):
            while json.loads(await opened.entries.get("Echo"))["runs"]:
                await asyncio.sleep(0.02)
        await here.publish({})
        await here.end("e1")
        await here.expect("e1")
        await here.bus.publish(ending("x", "a").model_copy(update={"workflow_id": "Echo-a"}))
        await here.expect("e1", "e2")


HOUR = (datetime.now(UTC).hour + 12) % 24
CLOSED = {"opens": f"{HOUR:02}:00", "closes": f"{HOUR:02}:30"}


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize(
    "flow", [{"rate": "20/s"}, {"key": "data.k", "debounce": "300ms"}, {"batch": {"size": 9, "within": "300ms"}}]
)
async def test_a_process_whose_clock_is_wrong_neither_stalls_nor_hurries(
    opened: Any, flow: dict[str, Any], hours: int
) -> None:
    """The clock of the server and that of the processes differ by an hour."""
    opened.bus.clock = lambda: datetime.now(UTC) + timedelta(hours=hours)
    began = asyncio.get_running_loop().time()
    async with opened(flow=flow) as here:
        for number in range(4):
            await here.publish({"k": number if "rate" in flow else 0})
        await here.expect(*WHO[next(iter(flow.keys() - {"key"}))])

    assert asyncio.get_running_loop().time() - began >= 0.15


WHO = {"rate": ["e1", "e2", "e3", "e4"], "debounce": ["e4"], "batch": ["e1"]}


async def test_a_lease_of_a_process_whose_clock_was_fast_expires(opened: Any) -> None:
    until = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    await opened.entries.put("lease.Echo", json.dumps({"holder": "elsewhere", "until": until}).encode())
    async with opened(flow={"max_open": 1}) as here:
        await here.publish({})
        await here.expect("e1")


@dataclass
class OwnLeases:
    """A bucket in which a process finds only its own leases: it leads whoever else does."""

    inner: MemoryKeyValue
    leases: MemoryKeyValue = field(default_factory=MemoryKeyValue)

    def __getattr__(self, name: str) -> Any:
        def call(key: str, *args: Any, **named: Any) -> Any:
            return getattr(self.leases if key.startswith("lease.") else self.inner, name)(key, *args, **named)

        return call


async def test_two_processes_that_both_believe_to_lead_a_route_keep_its_limit_together(opened: Any) -> None:
    bus, entries, starts = opened.bus, opened.entries, MemoryKeyValue()
    settings = Settings(routes=(Route.model_validate({"on": "placed", "start": "Echo", "flow": {"max_open": 2}}),))
    here = Ingest(bus, entries, starts, settings)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            process = create_queues(settings, bus, entries=OwnLeases(entries), ledger=starts)
            here.processes.append(process)
            await stack.enter_async_context(background(*process.duties()))
        for _ in range(6):
            await here.publish({})
        for ended in range(6):
            async with asyncio.timeout(20):
                while len(released := await here.events_started()) <= ended:
                    await asyncio.sleep(0.02)
            assert len(released) <= ended + 2
            await here.end(released[ended])

        assert sorted(await here.events_started()) == [f"e{number}" for number in range(1, 7)]
        assert json.loads(await entries.get("journal.Echo"))["epoch"] > 1, "both have led the route"


async def test_the_newest_start_of_a_key_cancels_the_open_run_after_a_takeover(opened: Any) -> None:
    flow = {"key": "'k'", "singleton": "cancel"}
    async with opened(flow=flow) as here:
        await here.publish({})
        await here.expect("e1")
    async with opened(flow=flow) as here:
        await here.publish({}, event_id="e2")
        async with asyncio.timeout(10):
            while (cancel := await here.bus.last("commands.cancel.>")) is None:
                await asyncio.sleep(0.02)
        command = decode(cancel.raw)
        await here.bus.publish(ending("e1", kind="cancelled"))
        await here.expect("e1", "e2")

    assert isinstance(command, CancelWorkflow)
    assert (command.workflow_id, command.instead) == ("Echo~e1", "Echo~e2")
