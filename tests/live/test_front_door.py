"""What arrives at the front door, however it looks, becomes a run or one dead letter."""

import json
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import nats

from tests.live.world import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

ROUTES = [
    {"on": "work.quick", "start": "Quick", "schema": {"required": ["steps"]}},
    {"on": "work.lost", "start": "NobodyRegisteredThis"},
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


async def test_a_bare_message_from_any_client_starts_a_run(world: OpenWorld) -> None:
    async with world(routes=ROUTES) as here:
        client = await nats.connect(here.suite.endpoints.nats)
        await client.publish("events.work.quick", b'{"steps": 2}')
        await client.drain()

        assert list(await here.completed(1)) == ["Quick-EVENTS.1"]


async def test_each_bad_message_ends_as_one_dead_letter_and_the_service_stays_up(world: OpenWorld) -> None:
    async with world(routes=ROUTES) as here:
        before = {name: here.suite.supervisor.pid(name) for name in ("ingest", "orchestrator")}
        for body, type_, _ in BAD:
            await here.publish(type_, body)
        await here.publish("work.quick", json.dumps({"steps": 2}).encode(), Nats_Msg_Id="good")

        assert list(await here.completed(1)) == ["Quick-good"]
        letters = await here.dead_letters(len(BAD))
        assert sorted(letter.reason for letter in letters) == sorted(reason for _, _, reason in BAD)
        assert all(len(letter.detail) > 10 for letter in letters)
        assert {name: here.suite.supervisor.pid(name) for name in before} == before


async def test_an_id_that_comes_again_with_other_data_is_refused_and_the_first_one_runs(world: OpenWorld) -> None:
    async with world() as here:
        for steps in (1, 2):
            cloud = {"ce_specversion": "1.0", "ce_id": "e1", "ce_type": "work.chained", "ce_source": "test"}
            await here.publish("work.chained", b'{"steps": %d}' % steps, **cloud)
        (letter,) = await here.dead_letters(1)
        facts = await here.completed(1)

    assert (letter.service, letter.reason) == ("orchestrator", "duplicate_id")
    assert "The event id e1 was used before, by EVENTS 1" in letter.detail
    assert facts["Chain-e1"][-1].result == 1


async def test_the_publisher_that_the_readme_shows_publishes_also_while_nats_is_away(world: OpenWorld) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (shown,) = [
        block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "async def publish" in block
    ]
    names: dict[str, Any] = {}
    exec(shown, names)  # noqa: S102 (our own words)
    async with world(routes=[{"on": "orders.placed", "start": "Quick", "input": {"steps": "1"}}]) as here:
        here.suite.supervisor.kill("nats")
        await names["publish"](here.suite.endpoints.nats, {"id": "o-7"})

        assert list(await here.completed(1)) == ["Quick-o-7"]
