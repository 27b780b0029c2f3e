"""Several ingest processes keep a route's limits though they are killed, and a flood on it delays no other route."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from perdure.bus import RawMessage, decode
from perdure.contracts import ENDINGS, Progress, to_token
from perdure.runtime.background import background
from tests.support.command_line import perdure_of, printed
from tests.support.suite import World, gaps

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

FLOOD = 24
MOST_OPEN = 3


async def test_a_flood_waits_within_its_limits_while_another_route_goes_on_and_processes_die(world: OpenWorld) -> None:
    routes = [
        {"on": "work.patient", "start": "Patient", "flow": {"max_open": MOST_OPEN}},
        {"on": "work.quick", "start": "Quick"},
    ]
    async with world(replicas={"ingest": 3, "orchestrator": 2}, routes=routes) as here:
        for number in range(FLOOD):
            await here.publish("work.patient", b"{}", Nats_Msg_Id=f"f{number}")
        await here.publish("work.quick", b"{}", Nats_Msg_Id="other")
        await here.stories("Quick~other")
        flood = await waiting(here, FLOOD - MOST_OPEN)
        async with background(signal_started(here)):
            for victim in ("ingest", "ingest-3", "orchestrator-2"):
                here.suite.supervisor.kill(victim)
                await here.suite.supervisor.ready(victim)
            facts = await here.completed(FLOOD + 1, within=150)
            still_open = await waiting(here, 0)

    assert len(flood) == MOST_OPEN
    assert still_open == []
    assert [run for run, story in facts.items() if gaps(story)] == []
    assert most_open([fact for story in facts.values() for fact in story if fact.workflow == "Patient"]) <= MOST_OPEN


async def signal_started(here: World) -> None:
    """Signal each run that has started, so that it ends."""
    async for message in here.bus.subscribe("progress.Patient.*", replay=True):
        fact = decode(message.raw)
        if isinstance(fact, Progress) and fact.kind == "started":
            await here.bus.publish_raw(RawMessage(f"signals.{to_token(fact.workflow_id)}.go", b"", {}))


async def waiting(here: World, count: int) -> list[str]:
    """Run `perdure routes waiting` until so many starts wait and the open runs are as many as allowed; return those."""
    async with asyncio.timeout(60):
        while True:
            (route,) = printed(await perdure_of(here.settings.state, "routes", "waiting", "--json"))
            if route["waiting"] == count and len(route["open"]) == min(count, MOST_OPEN):
                return list(route["open"])


def most_open(facts: list[Progress]) -> int:
    """Return the most runs that were open at once, by the times of Temporal's own start and end events."""
    changes = [(fact.at, 1) for fact in facts if fact.kind == "started"]
    changes += [(fact.at, -1) for fact in facts if fact.kind in ENDINGS]
    opened = most = 0
    for _, change in sorted(changes):
        opened += change
        most = max(most, opened)
    return most
