"""Runs of workers without Perdure's plugin, and runs that ended long ago."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.api.workflowservice.v1 import ListWorkflowExecutionsRequest, ListWorkflowExecutionsResponse
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from perdure.bus import MemoryBus, MemoryKeyValue
from perdure.config.settings import TemporalSettings
from perdure.contracts import Progress
from perdure.flow.publisher import EVENT_MEMO
from perdure_orchestrator.endings import ClosedRuns, EndedRuns
from perdure_orchestrator.reconciler import Reconciler
from tests.support.binaries import binary

pytestmark = pytest.mark.asyncio(loop_scope="session")


@workflow.defn
class Returning:
    @workflow.run
    async def run(self, what: str) -> Any:
        return {"object": {"hat": 1}, "text": "hat", "nothing": None, "bytes": b"\xff\xfe", "text as bytes": b"hat"}[
            what
        ]


async def completed(environment: WorkflowEnvironment, what: str) -> WorkflowHandle[Any, Any]:
    queue = uuid4().hex
    async with Worker(
        environment.client, task_queue=queue, workflows=[Returning], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        run = await environment.client.start_workflow(
            "Returning", what, id=f"Returning~{uuid4().hex}", task_queue=queue, memo={EVENT_MEMO: "e1"}
        )
        await run.result()
    return run


def facts(bus: MemoryBus) -> list[Progress]:
    return [it for it in bus.published if isinstance(it, Progress)]


@pytest.mark.parametrize(
    ("what", "result", "error"),
    [
        ("object", {"hat": 1}, None),
        ("text", "hat", None),
        ("text as bytes", "hat", None),
        ("nothing", None, None),
        ("bytes", None, "cannot be shown"),
    ],
)
async def test_the_ending_of_a_foreign_run_has_its_result(
    environment: WorkflowEnvironment, what: str, result: Any, error: str | None
) -> None:
    bus = MemoryBus()
    run = await completed(environment, what)

    assert await ClosedRuns(environment.client, bus, EndedRuns()).publish(run.id, str(run.first_execution_run_id))

    (ending,) = facts(bus)
    assert (ending.kind, ending.result) == ("completed", result)
    assert error in (ending.error or "") if error else ending.error is None


@pytest.mark.parametrize(("later", "count"), [(timedelta(days=28), 1), (timedelta(days=31), 0)])
async def test_the_ending_of_a_run_that_ended_long_ago_is_not_published_again(
    environment: WorkflowEnvironment, later: timedelta, count: int
) -> None:
    bus = MemoryBus()
    run = await completed(environment, "text")

    clock: Callable[[], datetime] = partial(_later, later)
    closed = ClosedRuns(environment.client, bus, EndedRuns(), clock=clock)
    assert await closed.publish(run.id, str(run.first_execution_run_id))

    assert len(facts(bus)) == count


def _later(by: timedelta) -> datetime:
    return datetime.now(UTC) + by


@pytest_asyncio.fixture(loop_scope="session")
async def real_server() -> AsyncIterator[WorkflowEnvironment]:
    """Temporal itself, which lists closed runs."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"), data_converter=pydantic_data_converter
    ) as environment:
        yield environment


async def test_a_first_start_looks_back_once_at_all_completed_runs(real_server: WorkflowEnvironment) -> None:
    bus = MemoryBus()
    first, second = [await completed(real_server, "text") for _ in range(2)]
    await ClosedRuns(real_server.client, bus, EndedRuns()).publish(first.id, str(first.first_execution_run_id))

    async with asyncio.timeout(30):
        while len(facts(bus)) < 2:  # the list of Temporal lags
            entries = MemoryKeyValue()
            house = Reconciler(real_server.client, bus, TemporalSettings(), entries=entries, ended=EndedRuns())
            await house.look_back()
    await completed(real_server, "text")
    await house.look_back()

    assert [it.workflow_id for it in facts(bus)] == [first.id, second.id]


async def test_a_look_back_that_failed_goes_on_where_it_was() -> None:
    entries, lists = MemoryKeyValue(), _Lists(fail_at=4)
    house = Reconciler(cast("Client", lists), MemoryBus(), TemporalSettings(), entries=entries, ended=EndedRuns())

    with pytest.raises(RPCError):
        await house.look_back()
    before = list(lists.queries)
    await house.look_back()

    again = lists.queries[len(before) :]
    assert again[0].split(" AND ")[1] == before[-1].split(" AND ")[1]
    assert not set(before[:-1]) & set(again)


class _Lists:
    """Lists no run, and fails once."""

    def __init__(self, fail_at: int) -> None:
        self.queries: list[str] = []
        self.namespace, self.workflow_service = "default", self
        self._fail_at = fail_at

    async def list_workflow_executions(
        self, request: ListWorkflowExecutionsRequest, **_: Any
    ) -> ListWorkflowExecutionsResponse:
        self.queries.append(request.query)
        if len(self.queries) == self._fail_at:
            raise RPCError("the server stops", RPCStatusCode.UNAVAILABLE, b"")
        return ListWorkflowExecutionsResponse()
