"""An operator cancels a start that flow control holds: no run comes of it, and its event says so."""

import asyncio
import json
from typing import Any

import pytest

from perdure.bus import Bus, MemoryBus, MemoryKeyValue, RawMessage
from perdure.bus.views.run_lookup import NoRun, RunNotBegun, find_run
from perdure.contracts.held_starts import CANCEL_START, HeldStartReply
from perdure.errors import NotFound
from perdure_ingest.held_starts import cancel_responder
from tests.support.flow_verdicts import verdicts
from tests.support.ingest import Ingest, running_ingest


async def cancel(here: Ingest, run: str, process: int = 0) -> HeldStartReply:
    """Ask one of the processes, as the command line does."""
    request = RawMessage(CANCEL_START, json.dumps({"workflow_id": run}).encode(), {})
    return HeldStartReply.model_validate_json(await cancel_responder(here.processes[process]).respond(request))


@pytest.mark.parametrize("process", [0, 1, 2])
async def test_a_held_start_that_is_cancelled_never_runs_and_the_next_one_does(open_ingest: Any, process: int) -> None:
    async with open_ingest(flow={"max_open": 1}) as here:
        for event in ("e1", "e2", "e3"):
            await here.publish({})
            await verdicts(here, event, *(["held", "released"] if event == "e1" else ["held"]))
        (held,) = await verdicts(here, "e2", "held")
        assert held.workflow_id is not None

        reply = await cancel(here, held.workflow_id, process)
        _, cancelled = await verdicts(here, "e2", "held", "cancelled")
        await here.end("e1")
        await here.expect("e1", "e3")

        assert (reply.fate, reply.event_id) == ("cancelled", "e2")
        assert cancelled.detail == "an operator cancelled it while it waited"
        assert (await cancel(here, held.workflow_id)).fate == "not_held"
        for text in ("e2", held.workflow_id):
            with pytest.raises(NoRun, match="an operator cancelled it"):
                await find_run(here.bus, text)


async def test_a_run_that_is_held_is_known_by_its_id_and_by_that_of_its_event(open_ingest: Any) -> None:
    async with open_ingest(flow={"max_open": 1}) as here:
        for event in ("e1", "e2"):
            await here.publish({})
            await verdicts(here, event, *(["held", "released"] if event == "e1" else ["held"]))

        for text in ("e2", "Echo~e2"):
            with pytest.raises(RunNotBegun, match="route Echo holds it by max_open") as raised:
                await find_run(here.bus, text)
            assert raised.value.held == ("Echo~e2",)


async def test_an_event_that_is_not_judged_yet_is_waited_for_by_the_id_of_its_run(bus: Bus) -> None:
    await bus.publish_raw(RawMessage("events.placed", b"{}", {"Nats-Msg-Id": "e1"}))
    attributes = {"ce-specversion": "1.0", "ce-id": "c", "ce-type": "placed", "ce-source": "test"}
    await bus.publish_raw(RawMessage("events.placed", b"{}", attributes))

    for text in ("Echo~e1", "Echo~c", "Echo~c~9f86d081"):
        with pytest.raises(RunNotBegun, match="it waits for ingest") as raised:
            await find_run(bus, text)
        assert raised.value.run == ("Echo~e1" if text == "Echo~e1" else "Echo~c~9f86d081")
    for text in ("Echo~c~9f86d082", "Echo~e"):
        with pytest.raises(NotFound):
            await find_run(bus, text)


class GatedEntries(MemoryKeyValue):
    """Lets a leader store that it is about to release the second start only once the gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = asyncio.Event()

    async def replace(self, key: str, value: bytes, *, revision: int) -> int | None:
        batch = json.loads(value)["batch"] if key.startswith("journal.") else ()
        if any(it["sequence"] == 2 for it in batch) and not self.gate.is_set():
            self.waiting.set()
            await self.gate.wait()
        return await super().replace(key, value, revision=revision)


async def test_a_leader_that_has_chosen_a_start_cannot_release_it_once_it_is_cancelled() -> None:
    entries = GatedEntries()
    async with running_ingest(MemoryBus(), entries, MemoryKeyValue(), flow={"max_open": 1}) as here:
        await here.publish({})
        await verdicts(here, "e1", "held", "released")
        await here.publish({})
        await verdicts(here, "e2", "held")
        entries.gate.clear()
        await here.end("e1")
        await entries.waiting.wait()

        assert (await cancel(here, "Echo~e2")).fate == "cancelled"
        entries.gate.set()
        await here.publish({})
        await verdicts(here, "e3", "held", "released")
        await here.expect("e1", "e3")


async def test_what_is_cancelled_as_it_is_released_is_either_cancelled_or_runs(open_ingest: Any) -> None:
    async with open_ingest(flow={"rate": "50/s"}) as here:
        fates = []
        for number in range(1, 11):
            publishing = asyncio.create_task(here.publish({}, f"e{number}"))
            await asyncio.sleep(number / 500)
            fates.append((await cancel(here, f"Echo~e{number}", number % 3)).fate)
            await publishing
        await here.expect(*(f"e{number}" for number, fate in enumerate(fates, start=1) if fate != "cancelled"))


async def test_the_newest_event_of_a_key_can_be_cancelled_while_it_waits_for_silence(open_ingest: Any) -> None:
    async with open_ingest(flow={"key": "data.doc", "debounce": "1s"}) as here:
        for _ in range(2):
            await here.publish({"doc": "a"})
        await verdicts(here, "e1", "held", "debounced_into")

        assert (await cancel(here, "Echo~e1")).fate == "not_held"
        assert (await cancel(here, "Echo~e2")).fate == "cancelled"
        await asyncio.sleep(1)
        await here.expect()


async def test_one_event_of_a_batch_is_not_cancelled(open_ingest: Any) -> None:
    async with open_ingest(flow={"batch": {"size": 5, "within": "10m"}}) as here:
        await here.publish({})
        await verdicts(here, "e1", "held")
        waiting = await here.bus.first("waiting.batch.>")
        assert waiting is not None
        run = json.loads(waiting.raw.body)["workflow_id"]

        assert (await cancel(here, run)).fate == "collected"
