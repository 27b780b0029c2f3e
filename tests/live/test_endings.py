"""Every run's story has an end on the bus, also where no code could say it."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

from temporalio.client import Client

from perdure.contracts import ENDINGS, Progress
from tests.live.world import World, gaps

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

ROUTES = [{"on": "work.patient", "start": "Patient"}, {"on": "work.chained", "start": "Chain"}]


async def test_runs_that_were_ended_from_outside_or_never_began_say_how_they_ended(world: OpenWorld) -> None:
    async with world(routes=ROUTES, orchestrator={"reconcile_every_seconds": 0.5}) as here:
        temporal = await Client.connect(here.suite.endpoints.temporal)
        await here.publish("work.patient", b"{}", Nats_Msg_Id="ended")
        await here.publish("work.chained", b'"no steps at all"', Nats_Msg_Id="wrong")
        await temporal.start_workflow(
            "Patient", {}, id="late", task_queue="perdure", execution_timeout=timedelta(seconds=1)
        )
        await begun(here, "Patient-ended")
        await temporal.get_workflow_handle("Patient-ended").terminate(reason="out of patience")
        facts = await ended(here, {"Patient-ended", "Chain-wrong", "late"})

    endings = {run: story[-1] for run, story in facts.items()}
    assert {run: ending.kind for run, ending in endings.items()} == {
        "Patient-ended": "terminated",
        "Chain-wrong": "failed",
        "late": "timed_out",
    }
    assert "out of patience" in str(endings["Patient-ended"].error)
    assert endings["Patient-ended"].event_id == "ended"
    assert "Failed decoding arguments" in str(endings["Chain-wrong"].error)
    assert [run for run, story in facts.items() if gaps(story)] == []
    assert [len([it for it in story if it.kind in ENDINGS]) for story in facts.values()] == [1, 1, 1]


async def begun(here: World, run: str) -> None:
    while run not in await here.facts():
        await asyncio.sleep(0.1)


async def ended(here: World, runs: set[str]) -> dict[str, list[Progress]]:
    async with asyncio.timeout(60):
        while True:
            facts = await here.facts()
            if runs <= {run for run, story in facts.items() if story[-1].kind in ENDINGS}:
                return facts
            await asyncio.sleep(0.2)
