"""kill -9 of any part, while runs are open."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from tests.support.suite import World, gaps, left_behind

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

RUNS = 5
STEPS = 5
VICTIMS = ("ingest", "orchestrator", "notifier", "audit", "nats", "temporal")


async def test_whatever_is_killed_every_run_finishes_and_no_recorded_step_runs_again(world: OpenWorld) -> None:
    async with world() as here:
        for count, victim in enumerate(VICTIMS, 1):
            for number in range(RUNS):
                await here.publish("work.chained", b'{"steps": %d}' % STEPS, Nats_Msg_Id=f"{victim}{number}")
            async with asyncio.timeout(20):
                while not here.log.exists() or len(here.executions()) < RUNS * count:
                    await asyncio.sleep(0.05)
            here.suite.supervisor.kill(victim)
            facts = await here.completed(RUNS * count)

            assert here.suite.supervisor.restarts(victim) == 1
            for number in range(RUNS):
                run = f"Chain-{victim}{number}"
                steps = here.executions()[run]
                assert sorted(steps) == steps, f"{run}: a step ran after its successor had begun: {steps}"
                assert set(steps) == set(range(STEPS))
                if victim != "orchestrator":
                    assert len(steps) == STEPS, f"{run}: nothing was in flight in the killed process, yet {steps}"
                assert gaps(facts[run]) == set()
                assert facts[run][-1].result == STEPS
            await here.suite.supervisor.ready(victim)
        folder = here.settings.state
    assert left_behind(folder) == []


async def test_events_published_twice_while_the_orchestrator_is_killed_twice_run_once(world: OpenWorld) -> None:
    count = 100
    async with world() as here:

        async def publish_all() -> None:
            for number in range(count):
                await here.publish("work.quick", b"{}", Nats_Msg_Id=f"e{number}")
                await here.publish(
                    "work.quick",
                    b"{}",
                    ce_id=f"e{number}",
                    ce_specversion="1.0",
                    ce_type="work.quick",
                    ce_source="again",
                )
                await asyncio.sleep(0.02)

        publishing = asyncio.create_task(publish_all())
        for _ in range(2):
            await asyncio.sleep(1.0)  # into the middle of the load
            here.suite.supervisor.kill("orchestrator")
            await here.suite.supervisor.ready("orchestrator")
        await publishing
        facts = await here.completed(count, within=120)

        assert len(facts) == count
        for run, story in facts.items():
            assert [fact.kind for fact in story].count("completed") == 1, run
            assert len({fact.run_id for fact in story}) == 1, run
            assert gaps(story) == set()
        for run, steps in here.executions().items():
            assert sorted(steps) == steps, run
