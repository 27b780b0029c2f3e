"""Limits hold with several ingest processes that are killed, and a flood behind them keeps nobody else waiting."""

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


async def test_a_flood_waits_its_turn_while_another_subject_moves_and_processes_die(world: OpenWorld) -> None:
    routes = [
        {"on": "work.patient", "start": "Patient", "flow": {"max_open": MOST_OPEN}},
        {"on": "work.quick", "start": "Quick"},
    ]
    async with world(replicas={"ingest": 3, "orchestrator": 2}, routes=routes) as here:
        for number in range(FLOOD):
            await here.publish("work.patient", b"{}", Nats_Msg_Id=f"f{number}")
        await here.publish("work.quick", b"{}", Nats_Msg_Id="other")
        await here.stories("Quick-other")
        flood = await waiting(here, FLOOD - MOST_OPEN)
        async with background(let_go(here)):
            for victim in ("ingest", "ingest-3", "orchestrator-2"):
                here.suite.supervisor.kill(victim)
                await here.suite.supervisor.ready(victim)
            facts = await here.completed(FLOOD + 1, within=150)
            left = await waiting(here, 0)

    assert len(flood) == MOST_OPEN
    assert left == []
    assert [run for run, story in facts.items() if gaps(story)] == []
    assert most_open([fact for story in facts.values() for fact in story if fact.workflow == "Patient"]) <= MOST_OPEN


async def let_go(here: World) -> None:
    """Let each run that has started end."""
    async for heard in here.bus.subscribe("progress.Patient.*", replay=True):
        fact = decode(heard.raw)
        if isinstance(fact, Progress) and fact.kind == "started":
            await here.bus.publish_raw(RawMessage(f"signals.{to_token(fact.workflow_id)}.go", b"", {}))


async def waiting(here: World, count: int) -> list[str]:
    """Ask, as an operator would, until so many starts wait and nothing changes; returns the open runs."""
    async with asyncio.timeout(60):
        while True:
            (route,) = printed(await perdure_of(here.settings.state, "routes", "waiting", "--json"))
            if route["waiting"] == count and len(route["open"]) == min(count, MOST_OPEN):
                return list(route["open"])


def most_open(facts: list[Progress]) -> int:
    """Count how many runs were open at once, by when Temporal says that they began and ended."""
    changes = [(fact.at, 1) for fact in facts if fact.kind == "started"]
    changes += [(fact.at, -1) for fact in facts if fact.kind in ENDINGS]
    opened = most = 0
    for _, change in sorted(changes):
        opened += change
        most = max(most, opened)
    return most
