"""A run is found by its id, a unique beginning of it, its event's id, or the id of a request."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure.bus import Bus, RawMessage
from perdure.bus.views.event_runs import find_event, runs_of_event
from perdure.bus.views.run_lookup import DeadLettered, RunNotBegun, find_run, wait_for_run
from perdure.contracts import DeadLetter, EventReference, Progress, StartWorkflow
from perdure.errors import Ambiguous, NotFound
from perdure.values.run_id import default_run_id, place_of
from perdure.values.short_code import short_code
from tests.support.notifier import request


async def begin(bus: Bus, run: str, event_id: str | None = None) -> None:
    now = datetime.now(UTC)
    await bus.publish(
        Progress(workflow="W", workflow_id=run, run_id=run, sequence=1, kind="started", event_id=event_id, at=now)
    )


async def publish_event(bus: Bus, event_id: str, type_: str = "word.sent") -> int:
    headers = {"ce-specversion": "1.0", "ce-id": event_id, "ce-type": type_, "ce-source": "test"}
    return await bus.publish_raw(RawMessage(f"events.{type_}", b"{}", headers))


async def start(bus: Bus, event_id: str, sequence: int, run: str) -> None:
    event = EventReference(id=event_id, type="word.sent", source="test", stream_sequence=sequence)
    await bus.publish(StartWorkflow(route="R", event=event, workflow="W", workflow_id=run, digest="a" * 64))


async def refuse(bus: Bus, sequence: int, **more: Any) -> int:
    fields = {"service": "ingest", "reason": "no_route", "detail": "No route takes it.", "stream": "EVENTS", **more}
    return await bus.publish(
        DeadLetter(original_subject="events.word.sent", stream_sequence=sequence, at=datetime.now(UTC), **fields)
    )


async def test_a_run_is_found_by_its_id_and_by_a_unique_beginning_of_it(bus: Bus) -> None:
    for run in ("Mail-1", "Mail-12", "Mail-2.a b", "Work/x"):
        await begin(bus, run)

    assert await find_run(bus, "Mail-1") == "Mail-1"
    assert await find_run(bus, "Mail-2") == "Mail-2.a b"
    assert await find_run(bus, "Mail-2.a") == "Mail-2.a b"
    assert await find_run(bus, "Work/") == "Work/x"


async def test_a_beginning_of_several_runs_names_five_of_them(bus: Bus) -> None:
    for number in range(7):
        await begin(bus, f"Mail-{number}")

    with pytest.raises(Ambiguous, match=r"Mail- begins the ids of 7 runs: Mail-0, .*, Mail-4 and 2 more\. Name one"):
        await find_run(bus, "Mail-")


async def test_what_nothing_has_is_not_found(bus: Bus) -> None:
    await begin(bus, "Mail-1")

    for text in ("Mail-3", "nothing", "Mail-1.1", "."):
        with pytest.raises(NotFound, match="Nothing has the id"):
            await find_run(bus, text)


async def test_a_run_is_found_by_a_request_of_it(bus: Bus) -> None:
    await begin(bus, "w")
    await bus.publish(request(2))

    assert await find_run(bus, "w.2") == "w"


async def test_a_run_is_found_by_its_code_and_by_that_of_its_requests(bus: Bus) -> None:
    for run in ("a b; curl | sh", "other"):
        await begin(bus, run)

    assert await find_run(bus, short_code("a b; curl | sh")) == "a b; curl | sh"
    assert await find_run(bus, f"{short_code('other')}.1") == "other"


async def test_an_id_that_imitates_the_code_of_another_run_is_refused(bus: Bus) -> None:
    code = short_code("victim")
    for run in ("victim", code):
        await begin(bus, run)

    with pytest.raises(Ambiguous, match=f"Their codes are {short_code(code)} and {code}"):
        await find_run(bus, code)
    assert await find_run(bus, short_code(code)) == code


async def test_a_run_is_found_by_its_event_though_other_ids_end_or_begin_alike(bus: Bus) -> None:
    await begin(bus, "Mail-2026-42", "2026-42")
    await begin(bus, "Mail-42", "42")
    await begin(bus, "42-other")

    assert await find_run(bus, "42") == "Mail-42"
    assert await find_run(bus, "2026-42") == "Mail-2026-42"


async def test_a_run_whose_id_does_not_tell_its_event_is_found_by_the_command(bus: Bus) -> None:
    sequence = await publish_event(bus, "e1")
    await publish_event(bus, "e2")
    await start(bus, "e1", sequence, "order-7")
    await begin(bus, "order-7", "e1")

    assert await find_run(bus, "e1") == "order-7"
    assert await find_run(bus, "order") == "order-7"


async def test_an_event_of_several_runs_names_them(bus: Bus) -> None:
    for run in ("Mail-42", "Work-42"):
        await begin(bus, run, "42")

    with pytest.raises(Ambiguous, match="The event 42 started 2 runs: Mail-42, Work-42"):
        await find_run(bus, "42")


async def test_an_event_that_became_a_dead_letter_says_so(bus: Bus) -> None:
    sequence = await publish_event(bus, "42")
    number = await refuse(bus, sequence)

    with pytest.raises(DeadLettered) as raised:
        await find_run(bus, "42")

    assert str(raised.value) == (
        f"The event 42 (EVENTS {sequence}) became dead letter {number} (no_route): No route takes it. Look at it with "
        f"`perdure dlq show {number}`."
    )


async def test_a_command_that_became_a_dead_letter_is_that_of_its_event(bus: Bus) -> None:
    sequence = await publish_event(bus, "42")
    await start(bus, "42", sequence, "order-7")
    await refuse(bus, 1, service="orchestrator", stream="COMMANDS", reason="unknown_workflow", detail="No W.")

    with pytest.raises(DeadLettered, match=r"dead letter 1 \(unknown_workflow\): No W\."):
        await find_run(bus, "42")


async def test_an_event_whose_run_has_not_begun_is_known(bus: Bus) -> None:
    sequence = await publish_event(bus, "42")
    bare = await bus.publish_raw(RawMessage("events.a", b"{}", {}))
    await start(bus, "42", sequence, "order-7")

    with pytest.raises(RunNotBegun, match=rf"42 is stored \(EVENTS {sequence}\), and its run order-7 has not begun"):
        await find_run(bus, "42")
    with pytest.raises(RunNotBegun, match="no run of it has begun"):
        await find_run(bus, f"EVENTS.{bare}")


async def test_structured_and_bare_events_are_found_by_their_ids(bus: Bus) -> None:
    event = {"specversion": "1.0", "id": "s1", "type": "word.sent", "source": "test", "data": {}}
    structured = RawMessage(
        "events.word.sent", json.dumps(event).encode(), {"content-type": "application/cloudevents+json"}
    )
    for number, raw in enumerate((structured, RawMessage("events.word.sent", b"{}", {"Nats-Msg-Id": "b1"})), 1):
        await bus.publish_raw(raw)
        await refuse(bus, number)

    for number, event_id in enumerate(("s1", "b1"), 1):
        with pytest.raises(DeadLettered, match=rf"{event_id} \(EVENTS {number}\) became dead letter {number}"):
            await find_run(bus, event_id)


async def test_an_event_without_a_content_type_is_found_by_the_id_in_its_body(bus: Bus) -> None:
    event = {"specversion": "1.0", "id": "dapr-1", "type": "word.sent", "source": "/shop/a", "data": {}}
    for headers in ({"Nats-Msg-Id": "another"}, {}):
        await bus.publish_raw(RawMessage("events.word.sent", json.dumps(event).encode(), headers))
        event |= {"id": "dapr-2", "source": "/shop/b"}
    await bus.publish_raw(RawMessage("events.word.sent", b"{}", {}))

    found = [
        await find_event(bus, id_, source=source)
        for id_, source in (("dapr-1", None), ("dapr-2", "/shop/b"), ("dapr-2", "/shop/a"), ("another", None))
    ]

    assert [one and one.sequence for one in found] == [1, 2, None, None]


async def test_an_event_is_found_by_its_place_only_at_its_time(bus: Bus) -> None:
    sequence = await bus.publish_raw(RawMessage("events.a", b"{}", {}))
    stored = await bus.get("EVENTS", sequence)
    assert stored is not None

    assert await find_event(bus, place_of("EVENTS", sequence, stored.stored_at)) == stored
    assert await find_event(bus, place_of("EVENTS", sequence, None)) == stored
    assert await find_event(bus, place_of("EVENTS", sequence, stored.stored_at + timedelta(seconds=1))) is None


async def test_the_runs_of_an_event_are_found_by_their_default_ids_and_by_those_of_0_1(bus: Bus) -> None:
    ids = [default_run_id("Mail", "42", source) for source in ("nats", "/shop/a", "/shop/b")]
    for run in ("Work-42", *ids, "Mail~2042", default_run_id("Mail", "4", "42")):
        await begin(bus, run, "42" if run in {"Work-42", *ids} else "other")

    assert await runs_of_event(bus, "42") == sorted(["Work-42", *ids])
    with pytest.raises(Ambiguous, match="The event 42 started 4 runs"):
        await find_run(bus, "42")


async def test_a_run_that_has_not_begun_is_waited_for_and_what_nothing_has_is_not(bus: Bus) -> None:
    sequence = await publish_event(bus, "42")
    waiting = asyncio.create_task(wait_for_run(bus, "42", every=0.01))
    await start(bus, "42", sequence, "order-7")
    await begin(bus, "order-7", "42")

    assert await waiting == "order-7"
    with pytest.raises(NotFound):
        await wait_for_run(bus, "43", every=0.01)
