"""What became of a start that flow control held, as later verdicts report it."""

import asyncio
import json
from typing import Any

import pytest

from perdure.bus import Bus, MemoryBus, MemoryKeyValue, RawMessage, decode
from perdure.bus.views.event_outcome import event_outcome
from perdure.config.routes import Route
from perdure.config.settings import Settings
from perdure.contracts import EventVerdict, OtherEvent, RouteVerdict, StartWorkflow
from perdure.contracts.outcomes import EventOutcome
from perdure.runtime.background import background
from perdure_ingest.flow_control.journal import Journal, Releasing
from tests.support.flow_verdicts import verdicts
from tests.support.ingest import Ingest, create_queues


async def test_a_start_is_held_by_its_limit_then_released(open_ingest: Any) -> None:
    async with open_ingest(flow={"max_open": 1}) as here:
        await here.publish({})
        await verdicts(here, "e1", "held", "released")
        async with asyncio.timeout(10):
            while await here.bus.first("waiting.>") is not None:  # it is deleted last
                await asyncio.sleep(0.02)
        for _ in range(2):
            await here.publish({})
        (second,), (third,) = [await verdicts(here, it, "held") for it in ("e2", "e3")]
        await here.end("e1")
        _, released = await verdicts(here, "e2", "held", "released")

    assert (second.limit, second.place, third.place) == ("max_open", 1, 2)
    assert released.workflow_id == second.workflow_id


@pytest.mark.parametrize(
    ("flow", "keys", "limits"),
    [
        ({"max_open": 2}, "aaaa", (None, None, "max_open", "max_open")),
        ({"max_open": 2, "key": "data.doc"}, "abca", (None, None, "max_open", "max_open")),
        ({"max_open_per_key": 1, "key": "data.doc"}, "abba", (None, None, *["max_open_per_key"] * 2)),
        ({"singleton": "queue", "key": "data.doc"}, "abba", (None, None, "singleton", "singleton")),
        ({"singleton": "skip", "key": "data.doc"}, "abba", (None, None, "singleton", "singleton")),
        ({"rate": "1/h"}, "aaa", (None, "rate", "rate")),
        ({"rate": "1/h", "key": "data.doc"}, "abc", (None, "rate", "rate")),
    ],
    ids=["open", "open, keyed", "open per key", "queue", "skip", "rate", "rate, keyed"],
)
async def test_in_a_burst_each_start_names_the_limit_that_those_before_it_use_up(
    bus: Bus, flow: dict[str, Any], keys: str, limits: tuple[str | None, ...]
) -> None:
    """Nobody leads the route yet, so that nothing is released before the last is stored."""
    entries = MemoryKeyValue()
    settings = Settings(routes=(Route.model_validate({"on": "placed", "start": "Echo", "flow": flow}),))
    here = Ingest(bus, entries, MemoryKeyValue(), settings, [create_queues(settings, bus, entries=entries)])
    for key in keys:
        await here.publish({"doc": key})

    found = [(await verdicts(here, f"e{number}", "held"))[0].limit for number in range(1, len(keys) + 1)]

    assert tuple(found) == limits


async def test_a_singleton_skips_by_the_run_that_is_open(open_ingest: Any) -> None:
    async with open_ingest(flow={"key": "data.doc", "singleton": "skip"}) as here:
        await here.publish({"doc": "a"})
        _, first = await verdicts(here, "e1", "held", "released")
        await here.publish({"doc": "a"})
        held, skipped = await verdicts(here, "e2", "held", "skipped")

    assert held.limit == "singleton"
    assert skipped.workflow_id == first.workflow_id


async def test_of_debounced_events_each_names_the_newer_one_and_the_last_is_released(open_ingest: Any) -> None:
    async with open_ingest(flow={"key": "data.doc", "debounce": "1s"}) as here:
        await asyncio.gather(*(here.publish({"doc": "a"}) for _ in range(6)))
        async with asyncio.timeout(30):
            while not (started := await here.events_started()):
                await asyncio.sleep(0.05)
        (last,) = started
        others = [f"e{number}" for number in range(1, 7) if f"e{number}" != last]
        debounced = {it: (await verdicts(here, it, "held", "debounced_into"))[1].other for it in others}
        await verdicts(here, last, "held", "released")

    newer = [it.id for it in debounced.values() if it is not None]
    assert len(newer) == len({*newer}) == 5, "each start is replaced by one, and replaces one"
    assert last in newer


async def test_every_event_of_a_batch_names_its_run(open_ingest: Any) -> None:
    async with open_ingest(flow={"batch": {"size": 3, "within": "1h"}}) as here:
        for _ in range(3):
            await here.publish({})
        first = await verdicts(here, "e1", "held", "batched_into", "released")
        second, third = [await verdicts(here, it, "held", "batched_into") for it in ("e2", "e3")]
        (start,) = await here.started()

    assert [it[0].limit for it in (first, second, third)] == ["batch"] * 3
    assert [it[0].place for it in (first, second, third)] == [1, 2, 3]
    assert {it[1].workflow_id for it in (first, second, third)} == {start.workflow_id}


async def test_a_route_that_opts_out_reports_nothing_of_what_it_holds(open_ingest: Any) -> None:
    async with open_ingest(flow={"key": "data.doc", "debounce": "200ms"}, verdicts=False) as here:
        for _ in range(2):
            await here.publish({"doc": "a"})
        await here.expect("e2")

        assert await here.bus.last("verdicts.>") is None


async def publish_cloud(here: Ingest, event_id: str) -> int:
    """Publish an event that EVENTS stores however often it comes; returns its sequence there."""
    cloud = {"ce-specversion": "1.0", "ce-id": event_id, "ce-type": "placed", "ce-source": "s"}
    sequence = await here.bus.publish_raw(RawMessage("events.placed", json.dumps({"doc": "a"}).encode(), cloud))
    await redeliver(here, sequence)
    return sequence


async def redeliver(here: Ingest, sequence: int) -> None:
    message = await here.bus.get("EVENTS", sequence)
    assert message is not None
    await here.deliver(message, here.processes[0])


async def judged(here: Ingest, sequence: int, *expected: str) -> RouteVerdict:
    """Wait until the event of this place has these verdicts, and return the last."""
    async with asyncio.timeout(20):
        while True:
            found = [decode(message.raw) async for message in here.bus.read("verdicts.>")]
            of_event = [it for it in found if isinstance(it, EventVerdict) and it.stream_sequence == sequence]
            routes = [it.routes[0] for it in sorted(of_event, key=lambda it: it.change)]
            if [it.verdict for it in routes] == list(expected):
                return routes[-1]
            await asyncio.sleep(0.05)


async def outcome(here: Ingest, sequence: int) -> EventOutcome:
    message = await here.bus.get("EVENTS", sequence)
    assert message is not None
    return await event_outcome(here.bus, message)


async def test_the_same_event_again_is_a_duplicate_of_the_start_that_still_waits(open_ingest: Any) -> None:
    async with open_ingest(flow={"max_open": 1}) as here:
        await judged(here, await publish_cloud(here, "e1"), "held", "released")
        first = await publish_cloud(here, "e2")
        await redeliver(here, first)
        again = await publish_cloud(here, "e2")
        repeated = await judged(here, again, "duplicate_of")
        held = await judged(here, first, "held")

        assert repeated.other == OtherEvent(id="e2", stream_sequence=first)
        assert held.limit == "max_open"


async def test_the_same_event_again_is_a_duplicate_of_the_start_that_was_released(open_ingest: Any) -> None:
    async with open_ingest(flow={"max_open": 1}) as here:
        first = await publish_cloud(here, "e1")
        await judged(here, first, "held", "released")
        again = await publish_cloud(here, "e1")
        repeated = await judged(here, again, "duplicate_of")
        await here.end("e1")

        assert repeated.other == OtherEvent(id="e1", stream_sequence=first)
        assert [(await outcome(here, it)).state for it in (first, again)] == ["completed"] * 2


async def test_the_same_event_again_is_a_duplicate_of_the_start_that_was_skipped(open_ingest: Any) -> None:
    async with open_ingest(flow={"key": "data.doc", "singleton": "skip"}) as here:
        await judged(here, await publish_cloud(here, "e1"), "held", "released")
        first = await publish_cloud(here, "e2")
        await judged(here, first, "held", "skipped")
        again = await publish_cloud(here, "e2")
        repeated = await judged(here, again, "duplicate_of")

        assert repeated.other == OtherEvent(id="e2", stream_sequence=first)
        assert [(await outcome(here, it)).state for it in (first, again)] == ["no_run"] * 2


async def test_the_same_event_again_is_a_duplicate_of_the_start_that_was_debounced(open_ingest: Any) -> None:
    async with open_ingest(flow={"key": "data.doc", "debounce": "1s"}) as here:
        first, _ = [await publish_cloud(here, it) for it in ("e1", "e2")]
        await judged(here, first, "held", "debounced_into")
        again = await publish_cloud(here, "e1")
        repeated = await judged(here, again, "duplicate_of")

        assert repeated.other == OtherEvent(id="e1", stream_sequence=first)
        assert [(await outcome(here, it)).state for it in (first, again)] == ["no_run"] * 2


async def test_the_same_event_again_has_the_run_of_the_batch(open_ingest: Any) -> None:
    async with open_ingest(flow={"batch": {"size": 2, "within": "1h"}}) as here:
        first = await publish_cloud(here, "e1")
        again = await publish_cloud(here, "e1")
        repeated = await judged(here, again, "duplicate_of")
        waiting = (await outcome(here, again)).state
        await publish_cloud(here, "e2")
        await judged(here, first, "held", "batched_into", "released")
        await here.end("e1")
        ended = await outcome(here, again)

    assert (repeated.other, repeated.workflow_id) == (OtherEvent(id="e1", stream_sequence=first), None)
    assert (waiting, ended.state) == ("accepted", "completed")
    assert [run.action for run in ended.runs] == ["batched"]


async def test_a_start_that_was_released_is_not_held_whatever_is_stored_later(open_ingest: Any) -> None:
    async with open_ingest(flow={"max_open": 1}) as here:
        first = await publish_cloud(here, "e1")
        await judged(here, first, "held", "released")
        await redeliver(here, first)
        await here.end("e1")

        assert (await judged(here, first, "held", "released")).verdict == "released"
        assert (await outcome(here, first)).state == "completed"


async def test_what_a_start_replaced_is_reported_by_whoever_completes_its_release(bus: Bus) -> None:
    """One process died before it reported what it replaced, the next before it published what it released."""
    route = {"on": "placed", "start": "Echo", "flow": {"key": "data.doc", "debounce": "1s"}}
    settings = Settings(routes=(Route.model_validate(route),))
    elsewhere, entries, starts = MemoryBus(), MemoryKeyValue(), MemoryKeyValue()
    here = Ingest(elsewhere, entries, starts, settings, [create_queues(settings, elsewhere, entries=entries)])
    for event_id in ("e1", "e2"):
        await publish_cloud(here, event_id)
    newer = await elsewhere.first("latest.>")
    assert newer is not None
    sequence = await bus.publish_raw(newer.raw)
    start = StartWorkflow.model_validate_json(newer.raw.body)
    journal = Journal(batch=(Releasing(subject=newer.raw.subject, sequence=sequence, command=start),))
    await entries.put("journal.Echo", journal.model_dump_json().encode())
    async with background(*create_queues(settings, bus, entries=entries, ledger=starts).duties()):
        async with asyncio.timeout(10):
            while await bus.first("latest.>") is not None:
                await asyncio.sleep(0.02)

    found = [decode(message.raw) async for message in bus.read("verdicts.>")]
    changes = {it.event_id: it.routes[0].verdict for it in found if isinstance(it, EventVerdict)}
    assert changes == {"e1": "debounced_into", "e2": "released"}
