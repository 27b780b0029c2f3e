"""A run that waits for mended code is known to everybody who asks the bus, until it goes on."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus
from perdure.bus.views.stuck_runs import stuck_run, stuck_runs
from perdure.contracts import Alert
from perdure_orchestrator.mended_runs import MendedRuns
from tests.support.binaries import binary
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

WAITING = {"temporal": {"on_bug": "wait"}}
MANY = 20

bugs = set[str]()
"""What is wrong with the code below; a deploy mends it."""


@pytest.fixture(autouse=True)
def broken() -> Iterator[None]:
    bugs.clear()
    yield
    bugs.clear()


@workflow.defn
class Greeting:
    @workflow.run
    async def run(self, name: str) -> str:
        if "name" in bugs:
            raise KeyError(name)
        await workflow.wait_condition(lambda: False, timeout=timedelta(seconds=30)) if name == "slow" else None
        return name


@pytest_asyncio.fixture(loop_scope="session")
async def real_server() -> AsyncIterator[WorkflowEnvironment]:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"), data_converter=pydantic_data_converter
    ) as environment:
        yield environment


async def until_stuck(bus: MemoryBus, number: int) -> None:
    async with asyncio.timeout(60):
        while len(await stuck_runs(bus)) < number:
            await asyncio.sleep(0.05)


def alerts(worker: ScriptedWorker) -> list[Alert]:
    return [it for it in worker.bus.published if isinstance(it, Alert)]


async def test_a_run_that_fails_in_its_first_task_is_known_until_it_goes_on(real_server: WorkflowEnvironment) -> None:
    bugs.add("name")
    async with open_scripted_worker(real_server, Greeting, settings=WAITING, cached_runs=10) as worker:
        run = await worker.start("Greeting", "slow", task_timeout=timedelta(seconds=2))
        mended = MendedRuns(real_server.client, worker.bus)
        await until_stuck(worker.bus, 1)
        await mended.forget()
        stuck = await stuck_run(worker.bus, run.id)
        begun = [fact.kind for fact in worker.progress]
        bugs.clear()
        async with asyncio.timeout(60):
            while await stuck_run(worker.bus, run.id):
                await mended.forget()
                await asyncio.sleep(0.1)
        still_open = (await run.describe()).close_time
        await run.terminate()

    assert stuck is not None
    assert stuck.error.startswith("KeyError: 'slow' (tests/workflow/test_stuck_runs.py:")
    assert begun == ["started"]
    assert still_open is None


async def test_an_ending_makes_a_run_known_as_ended_at_once(real_server: WorkflowEnvironment) -> None:
    bugs.add("name")
    async with open_scripted_worker(real_server, Greeting, settings=WAITING, cached_runs=10) as worker:
        run = await worker.start("Greeting", "Ada", task_timeout=timedelta(seconds=2))
        await until_stuck(worker.bus, 1)
        bugs.clear()
        await worker.ending(run.id)

        stuck = await stuck_run(worker.bus, run.id)

    assert stuck is None


async def test_many_runs_that_fail_at_one_place_are_all_known_and_raise_few_alerts(
    real_server: WorkflowEnvironment,
) -> None:
    bugs.add("name")
    async with open_scripted_worker(real_server, Greeting, settings=WAITING, cached_runs=1_000) as worker:
        runs = [await worker.start("Greeting", f"{number}") for number in range(MANY)]
        await until_stuck(worker.bus, MANY)
        async with asyncio.timeout(60):
            while len(alerts(worker)) < 4:
                await asyncio.sleep(0.05)
        raised = alerts(worker)
        bugs.clear()
        await asyncio.gather(*(run.terminate() for run in runs))

    assert len({alert.message_id for alert in raised}) == len(raised) <= 6
    assert any("more runs of Greeting wait for mended code" in alert.title for alert in raised)
