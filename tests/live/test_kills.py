"""SIGKILL of any process while runs are open."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from perdure.values.run_id import BARE_SOURCE
from tests.support.suite import World, gaps, left_behind

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

RUNS = 5
STEPS = 5
VICTIMS = ("ingest", "orchestrator", "notifier", "audit", "nats", "temporal")


async def test_every_run_finishes_and_no_recorded_step_runs_again_whatever_is_killed(world: OpenWorld) -> None:
    async with world() as live:
        for count, victim in enumerate(VICTIMS, 1):
            for number in range(RUNS):
                await live.publish("work.chained", b'{"steps": %d}' % STEPS, Nats_Msg_Id=f"{victim}{number}")
            async with asyncio.timeout(20):
                while not live.log.exists() or len(live.executions()) < RUNS * count:
                    await asyncio.sleep(0.05)
            live.suite.supervisor.kill(victim)
            facts = await live.completed(RUNS * count)

            assert live.suite.supervisor.restarts(victim) == 1
            for number in range(RUNS):
                run = f"Chain~{victim}{number}"
                steps = live.executions()[run]
                assert sorted(steps) == steps, f"{run}: a step ran after its successor had started: {steps}"
                assert set(steps) == set(range(STEPS))
                if victim != "orchestrator":
                    assert len(steps) == STEPS, f"{run}: nothing was in flight in the killed process, yet {steps}"
                assert gaps(facts[run]) == set()
                assert facts[run][-1].result == STEPS
            await live.suite.supervisor.ready(victim)
        folder = live.settings.state
    assert left_behind(folder) == []


async def test_events_published_twice_while_the_orchestrator_is_killed_twice_run_once(world: OpenWorld) -> None:
    count = 100
    async with world() as live:

        async def publish_all() -> None:
            for number in range(count):
                await live.publish("work.quick", b"{}", Nats_Msg_Id=f"e{number}")
                await live.publish(
                    "work.quick",
                    b"{}",
                    ce_id=f"e{number}",
                    ce_specversion="1.0",
                    ce_type="work.quick",
                    ce_source=BARE_SOURCE,
                )
                await asyncio.sleep(0.02)

        publishing = asyncio.create_task(publish_all())
        for _ in range(2):
            await asyncio.sleep(1.0)  # in the middle of the load
            live.suite.supervisor.kill("orchestrator")
            await live.suite.supervisor.ready("orchestrator")
        await publishing
        facts = await live.completed(count, within=120)

        assert len(facts) == count
        for run, progress in facts.items():
            assert [fact.kind for fact in progress].count("completed") == 1, run
            assert len({fact.run_id for fact in progress}) == 1, run
            assert gaps(progress) == set()
        for run, steps in live.executions().items():
            assert sorted(steps) == steps, run
