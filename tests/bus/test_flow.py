"""Starts beyond a route's limits wait in a stream, and any number of ingest processes keep the limits together."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from perdure.bus import Bus, decode
from perdure.bus.dead_letter import make_dead_letter
from perdure.bus.resend import resent
from perdure.bus.views.start_ledger import Claim, StartLedger
from perdure.contracts import CancelWorkflow, Message


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
        cancelled = await commands(here.bus, "cancel")
        await here.expect("e1")
        await here.end("e1", "cancelled")
        await here.expect("e1", "e3")

    assert {it.workflow_id for it in cancelled if isinstance(it, CancelWorkflow)} == {"Echo~e1"}


async def commands(bus: Bus, verb: str) -> list[Message]:
    """Wait for the first command with a verb, and return all that are stored then."""
    async with asyncio.timeout(10):
        while not (found := [decode(message.raw) async for message in bus.read(f"commands.{verb}.>")]):
            await asyncio.sleep(0.02)
    return found


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


async def test_an_event_that_is_resent_waits_for_a_slot_like_any_other(open_ingest: Any) -> None:
    async with open_ingest(flow={"max_open": 1}) as here:
        for _ in range(2):
            await here.publish({})
        await here.expect("e1")
        command, event = await here.bus.first("commands.start.>"), await here.bus.first("events.placed")
        refused = make_dead_letter(command, "unknown_workflow", "no such workflow", service="orchestrator")
        await here.bus.publish(refused)
        await here.processes[0].free_slot(await here.bus.first("dlq.>"))
        await here.expect("e1", "e2")
        sequence = await here.bus.publish_raw(resent(event.raw, place="EVENTS.1", number=1))
        await here.deliver(await here.bus.get("EVENTS", sequence), here.processes[1])
        await here.expect("e1", "e2")
        await here.end("e2")
        async with asyncio.timeout(10):
            while await here.events_started() != ["e1", "e2", "e1"]:
                await asyncio.sleep(0.02)


async def test_a_run_that_ends_twice_frees_one_slot(open_ingest: Any) -> None:
    """A run that was reset after its end ends once more."""
    async with open_ingest(flow={"max_open": 1}) as here:
        for _ in range(3):
            await here.publish({})
        await here.expect("e1")
        await here.end("e1", "failed")
        await here.expect("e1", "e2")
        await here.end("e1")
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
        async with asyncio.timeout(10):
            while await here.bus.count_by_subject("waiting.>") or await here.bus.count_by_subject("latest.>"):
                await asyncio.sleep(0.02)  # a deletion that crosses another one is retried


async def test_the_run_of_a_batch_is_not_claimed_by_an_event_of_any_id(open_ingest: Any) -> None:
    async with open_ingest(flow={"batch": {"size": 3, "within": "1m"}}) as here:
        for event_id in ("a", "batch-a", "a~batch"):
            await here.publish({}, event_id)
        await here.expect("a")
        (start,) = await here.started()

        assert await StartLedger(here.starts).claim(start) is Claim.NEW
