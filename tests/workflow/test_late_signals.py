"""A signal that comes while its run ends adds no fact after the ending."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from tests.support.binaries import binary
from tests.support.gated_bus import Gate, GatedBus
from tests.support.scripted_worker import open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")


@workflow.defn
class Brief:
    """Ends at once."""

    @workflow.run
    async def run(self) -> str:
        return "done"

    @workflow.signal
    def take(self, number: int) -> None: ...


@pytest_asyncio.fixture(loop_scope="session")
async def real_server() -> AsyncIterator[WorkflowEnvironment]:
    """Temporal itself: it goes on giving tasks to a run whose local activity takes long."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"), data_converter=pydantic_data_converter
    ) as environment:
        yield environment


async def test_the_note_of_a_signal_that_does_not_fit_stands_before_the_ending(
    real_server: WorkflowEnvironment,
) -> None:
    gate = Gate()
    bus = GatedBus(gate, kind="started")
    async with open_scripted_worker(real_server, Brief, bus=bus, cached_runs=10) as worker, asyncio.timeout(60):
        run = await worker.start("Brief", task_timeout=timedelta(seconds=2))
        await gate.reached.wait()
        await run.signal("take", "no number")
        while not await _was_handed_over(run):
            await asyncio.sleep(0.1)
        gate.opened.set()
        await worker.ending(run.id)

    assert worker.timeline == [(1, "started", None), (2, "note", None), (3, "completed", None)]
    assert [fact.kind for fact in worker.progress][-1] == "completed"


async def _was_handed_over(run: WorkflowHandle[Any, Any]) -> bool:
    """Return whether the worker has handled a workflow task with the signal."""
    events = [event async for event in run.fetch_history_events()]
    signalled = [it.event_id for it in events if it.HasField("workflow_execution_signaled_event_attributes")]
    started = [it.event_id for it in events if it.HasField("workflow_task_started_event_attributes")]
    return bool(signalled) and len([it for it in started if it > signalled[0]]) > 1
