"""Limits hold with several ingest processes that are killed, and a flood behind them keeps nobody else waiting."""

import asyncio
import json
import os
import subprocess
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from perdure.contracts import ENDINGS, Progress
from tests.binaries import binary
from tests.live.world import World, gaps

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

FLOOD = 24
MOST_OPEN = 3


async def test_a_flood_waits_its_turn_while_another_subject_moves_and_processes_die(world: OpenWorld) -> None:
    routes = [
        {"on": "work.chained", "start": "Chain", "flow": {"max_open": MOST_OPEN}},
        {"on": "work.quick", "start": "Quick"},
    ]
    async with world(replicas={"ingest": 3, "orchestrator": 2}, routes=routes) as here:
        for number in range(FLOOD):
            await here.publish("work.chained", b'{"steps": 1}', Nats_Msg_Id=f"f{number}")
        await here.publish("work.quick", b"{}", Nats_Msg_Id="other")
        await ended(here, "Quick-other")
        flood = waiting(here)
        for victim in ("ingest", "ingest-3", "orchestrator-2"):
            here.suite.supervisor.kill(victim)
            await here.suite.supervisor.ready(victim)
        facts = await here.completed(FLOOD + 1, within=150)
        async with asyncio.timeout(20):
            while (left := waiting(here))["open"]:
                await asyncio.sleep(0.2)

    assert flood["waiting"] > 0
    assert len(flood["open"]) <= MOST_OPEN
    assert (left["waiting"], left["open"]) == (0, [])
    assert [run for run, story in facts.items() if gaps(story)] == []
    assert most_open([fact for story in facts.values() for fact in story if fact.workflow == "Chain"]) <= MOST_OPEN


async def ended(here: World, run: str) -> None:
    async with asyncio.timeout(60):
        while not any(fact.kind in ENDINGS for fact in (await here.facts()).get(run, [])):
            await asyncio.sleep(0.1)


def waiting(here: World) -> dict[str, Any]:
    """Ask, as an operator would, how the flooded route stands."""
    command = [binary("perdure"), "routes", "waiting", "--json"]
    environment = {**os.environ, "PERDURE_STATE": str(here.settings.state)}
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    (route,) = [json.loads(line) for line in shown.stdout.splitlines()]
    assert route["route"] == "Chain"
    return dict(route)


def most_open(facts: list[Progress]) -> int:
    """Count how many runs were open at once, by when Temporal says that they began and ended."""
    changes = [(fact.at, 1) for fact in facts if fact.kind == "started"]
    changes += [(fact.at, -1) for fact in facts if fact.kind in ENDINGS]
    opened = most = 0
    for _, change in sorted(changes):
        opened += change
        most = max(most, opened)
    return most
