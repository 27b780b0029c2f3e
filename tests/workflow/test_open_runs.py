"""A run that is silent for longer than PROGRESS keeps its facts stays in the list of open runs."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus
from perdure.bus.envelope import MESSAGE_ID
from perdure.bus.views.run_list import RunFilter, list_runs
from perdure.config.settings import TemporalSettings
from perdure.flow import approval
from perdure_orchestrator.open_runs import OpenRunFacts
from tests.support.binaries import binary
from tests.support.scripted_worker import open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

SILENT = timedelta(seconds=2)


@workflow.defn
class Waiting:
    @workflow.run
    async def run(self) -> str:
        return (await approval("Publish?")).outcome


@pytest_asyncio.fixture(loop_scope="session")
async def real_server() -> AsyncIterator[WorkflowEnvironment]:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"), data_converter=pydantic_data_converter
    ) as environment:
        yield environment


async def days_later(bus: MemoryBus) -> MemoryBus:
    """Return a bus with the same progress, whose message ids JetStream has forgotten since."""
    later = MemoryBus()
    later.clock = lambda: datetime.now(UTC) - timedelta(days=20)
    async for message in bus.read("progress.>"):
        headers = {name: value for name, value in message.raw.headers.items() if name != MESSAGE_ID}
        await later.publish_raw(replace(message.raw, headers=headers))
    later.clock = lambda: datetime.now(UTC)
    return later


async def listed(bus: MemoryBus) -> list[tuple[str, str, str | None]]:
    page = await list_runs(bus, RunFilter(state="open"))
    return [(fact.workflow_id, fact.kind, fact.event_id) for fact in page.runs]


async def test_an_open_run_is_listed_however_long_it_is_silent(real_server: WorkflowEnvironment) -> None:
    async with open_scripted_worker(real_server, Waiting) as worker:
        await worker.start("Waiting", run_id="waiting")
        await worker.approval_request()
        while [fact.kind for fact in worker.progress] != ["started", "waiting"]:
            await asyncio.sleep(0.01)
        await asyncio.sleep(SILENT.total_seconds())
        settings = TemporalSettings(task_queue=worker.queue)
        silent, forgotten = await days_later(worker.bus), MemoryBus()

        async with asyncio.timeout(30):
            while not forgotten.published:  # the list of Temporal lags
                await OpenRunFacts(real_server.client, forgotten, settings).renew(SILENT)
        for _ in range(2):
            await OpenRunFacts(real_server.client, silent, settings).renew(SILENT)

    assert silent.published == [*worker.progress, worker.progress[-1]]
    assert await listed(silent) == [("waiting", "waiting", "e1")]
    assert await listed(forgotten) == [("waiting", "started", "e1")]
