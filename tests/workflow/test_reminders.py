"""People are reminded ever more rarely, and once after an outage."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus
from perdure.contracts import ApprovalReminded
from perdure.flow import approval
from tests.support.binaries import binary
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOUR = timedelta(hours=1)


@workflow.defn
class Asking:
    @workflow.run
    async def run(self, every: float, timeout: float) -> str:
        seconds = timedelta(seconds=1)
        decision = await approval("Publish?", remind_every=every * seconds, timeout=timeout * seconds)
        return decision.outcome


def reminders(bus: MemoryBus) -> list[int]:
    return [it.count for it in bus.published if isinstance(it, ApprovalReminded)]


@pytest_asyncio.fixture(loop_scope="session")
async def real_server() -> AsyncIterator[WorkflowEnvironment]:
    """A server whose time goes on while nobody works; that of the test server does not."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"), data_converter=pydantic_data_converter
    ) as environment:
        yield environment


async def left_alone(environment: WorkflowEnvironment, timeout: float, outage: float) -> ScriptedWorker:
    """Start a run that reminds every two seconds, and let its worker be away for so many seconds."""
    async with open_scripted_worker(environment, Asking) as worker:
        await worker.start("Asking", 2.0, timeout, run_id="asking")
        await worker.approval_request()
    await asyncio.sleep(outage)
    return worker


async def test_after_an_outage_people_are_reminded_once_and_then_in_time(real_server: WorkflowEnvironment) -> None:
    worker = await left_alone(real_server, timeout=3600, outage=9)

    async with open_scripted_worker(real_server, Asking, bus=worker.bus, queue=worker.queue), asyncio.timeout(60):
        while not reminders(worker.bus):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        after_outage = reminders(worker.bus)
        while len(reminders(worker.bus)) < 3:
            await asyncio.sleep(0.01)

    assert after_outage == [1]


async def test_a_request_that_expired_in_an_outage_reminds_nobody(real_server: WorkflowEnvironment) -> None:
    worker = await left_alone(real_server, timeout=5, outage=6)

    async with open_scripted_worker(real_server, Asking, bus=worker.bus, queue=worker.queue):
        outcome = await real_server.client.get_workflow_handle("asking").result()

    assert outcome == "expired"
    assert reminders(worker.bus) == []


async def test_reminders_grow_rarer_so_that_they_do_not_use_up_the_history(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Asking) as worker:
        run = await worker.start("Asking", HOUR.total_seconds(), timedelta(days=365).total_seconds())
        await worker.approval_request()
        await run.result()
        history = await run.fetch_history()

    fired = [it.event_time.ToDatetime() for it in history.events if it.HasField("timer_fired_event_attributes")]
    hours = [round((later - earlier) / HOUR) for earlier, later in pairwise(fired)]
    assert hours[:12] == [1] * 9 + [2, 4, 8]
    assert reminders(worker.bus) == list(range(1, 23))
    assert len(history.events) < 300
