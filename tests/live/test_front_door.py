"""Every published event, valid or not, becomes a run or one dead letter."""

import json
from typing import Any

import nats
import pytest

from perdure.values.run_id import default_run_id, place_of
from tests.support.documents import block
from tests.support.suite import World, shared_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTES = [
    {"on": "work.quick", "start": "Quick", "schema": {"required": ["steps"]}},
    {"on": "work.chained", "start": "Chain"},
    {"on": "work.lost", "start": "NobodyRegisteredThis"},
    {"name": "order", "on": "orders.placed", "start": "Quick", "input": {"steps": "1"}},
]

BAD = [
    (b"{oops", "work.quick", "not_json"),
    (b"{}", "work.unknown", "no_route"),
    (b'{"other": 1}', "work.quick", "bad_data"),
    (b'{"steps": 1, "x": "' + b"x" * 5_000_000 + b'"}', "work.quick", "too_large"),
    (b"", "work.quick", "empty_body"),
    (b'{"steps": "\xff"}', "work.quick", "not_utf8"),
    (b"{}", "work.lost", "unknown_workflow"),
]

here = shared_world(routes=ROUTES, temporal={"task_timeout_seconds": 3, "signals_wait_seconds": 1})


async def test_a_bare_message_from_any_client_starts_a_run(here: World) -> None:
    place = await here.last("EVENTS") + 1
    client = await nats.connect(here.suite.endpoints.nats)
    await client.publish("events.work.quick", b'{"steps": 2}')
    await client.drain()

    stored = await here.bus.get("EVENTS", place)
    assert stored is not None
    run = f"Quick~{place_of('EVENTS', place, stored.stored_at)}"
    assert (await here.stories(run))[run][-1].kind == "completed"


async def test_each_bad_message_becomes_one_dead_letter_and_the_services_stay_up(here: World) -> None:
    before = {name: here.suite.supervisor.pid(name) for name in ("ingest", "orchestrator")}
    after, runs = await here.last("DLQ"), set(await here.facts())
    for body, type_, _ in BAD:
        await here.publish(type_, body)
    await here.publish("work.quick", json.dumps({"steps": 2}).encode(), Nats_Msg_Id="good")

    dead_letters = await here.dead_letters(len(BAD), after=after)
    assert (await here.stories("Quick~good"))["Quick~good"][-1].kind == "completed"
    assert set(await here.facts()) - runs == {"Quick~good"}
    assert sorted(dead_letter.reason for dead_letter in dead_letters) == sorted(reason for _, _, reason in BAD)
    assert all(len(dead_letter.detail) > 10 for dead_letter in dead_letters)
    assert {name: here.suite.supervisor.pid(name) for name in before} == before


async def test_a_second_event_with_the_same_id_and_other_data_is_a_dead_letter_and_the_first_runs(here: World) -> None:
    after, first = await here.last("DLQ"), await here.last("EVENTS") + 1
    for steps in (1, 2):
        cloud = {"ce_specversion": "1.0", "ce_id": "e1", "ce_type": "work.chained", "ce_source": "test"}
        await here.publish("work.chained", b'{"steps": %d}' % steps, **cloud)
    (dead_letter,) = await here.dead_letters(1, after=after)
    run = default_run_id("Chain", "e1", "test")
    facts = await here.stories(run)

    assert (dead_letter.service, dead_letter.reason) == ("orchestrator", "duplicate_id")
    assert f"The event id e1 was used before, by EVENTS {first}" in dead_letter.detail
    assert facts[run][-1].result == 1


async def test_the_publisher_of_the_documents_publishes_also_while_nats_is_down(here: World) -> None:
    names: dict[str, Any] = {}
    exec(block("docs/publishing.md", "async def publish("), names)  # noqa: S102 (code from this repository)
    here.suite.supervisor.kill("nats")
    await names["publish"](here.suite.endpoints.nats, {"id": "o-7"})

    assert (await here.stories("order~o-7.placed"))["order~o-7.placed"][-1].kind == "completed"
