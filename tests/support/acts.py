"""Acts on runs at a real Temporal server, with a bus in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowFailureError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from perdure.bus import MemoryBus, MemoryKeyValue, decode
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.settings import TemporalSettings
from perdure.connections.executions import describe_execution
from perdure.contracts import RunActed, to_token
from perdure.contracts.run_acts import RunAct, RunActReply, RunActRequest
from perdure_orchestrator.retry_turns import RetryTurns
from perdure_orchestrator.run_acts import RunActor
from tests.support.binaries import binary
from tests.support.fuse import Fuse, Fused
from tests.support.pausing import ALLOWS_PAUSES

__all__ = ["SETTINGS", "Breaks", "Waits", "act", "acting_client", "begin", "recorded", "run_again"]

TURNS = MemoryKeyValue()
SETTINGS = TemporalSettings(task_queue="acts")


@workflow.defn
class Waits:
    @workflow.run
    async def run(self, _: int) -> None:
        await workflow.wait_condition(lambda: False)


@workflow.defn
class Breaks:
    @workflow.run
    async def run(self, _: int) -> None:
        raise ApplicationError("the key is revoked", non_retryable=True)


@asynccontextmanager
async def acting_client(*workflows: type, activities: Sequence[Callable[..., Any]] = ()) -> AsyncIterator[Client]:
    """Run Temporal, and a worker of these workflows and of those here."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"),
        data_converter=pydantic_data_converter,
        dev_server_extra_args=list(ALLOWS_PAUSES),
        dev_server_log_level="error",
    ) as environment:
        runner = UnsandboxedWorkflowRunner()
        async with Worker(
            environment.client,
            task_queue="acts",
            workflows=[Waits, Breaks, *workflows],
            activities=activities,
            workflow_runner=runner,
        ):
            yield environment.client


async def begin(client: Client, kind: type, *, fails: bool = False) -> str:
    """Begin a run that no route started; returns its id once its code has run, or it has ended."""
    run = await client.start_workflow(kind.__name__, 1, id=f"{kind.__name__}~{uuid4()}", task_queue="acts")
    if fails or kind is Breaks:
        with suppress(WorkflowFailureError):
            await run.result()
    else:
        async with asyncio.timeout(30):
            while (await run.describe()).history_length < 4:
                await asyncio.sleep(0.02)
    return run.id


async def act(  # noqa: PLR0913 (the parts of an act)
    client: Client,
    bus: MemoryBus,
    run: str,
    what: RunAct,
    *,
    fuse: Fuse | None = None,
    seen: str | None = None,
    force: bool = False,
    id_: str = "mine",
) -> RunActReply:
    """Act as another process of the orchestrator would, whose calls may spark a fuse."""
    ledger = StartLedger(MemoryKeyValue())
    turns = RetryTurns(TURNS, str(uuid4()))
    actor = RunActor(client, bus, ledger, SETTINGS, turns)
    if fuse is not None:
        actor = RunActor(Fused(client, fuse), Fused(bus, fuse), ledger, SETTINGS, turns)  # type: ignore[arg-type]
    return await actor.act(
        RunActRequest(id=id_, act=what, workflow_id=run, run_id=seen, reason="why", by="ann", force=force)
    )


async def recorded(bus: MemoryBus, run: str) -> list[str]:
    """Return what ADMIN says that was done to a run."""
    found = [decode(it.raw) async for it in bus.read(f"admin.run.{to_token(run)}")]
    return [it.act for it in found if isinstance(it, RunActed)]


async def run_again(client: Client, run: str) -> None:
    """End a run, and let it go on after its first task, as another operator may."""
    seen = await describe_execution(client, run)
    await client.get_workflow_handle(run).terminate()
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=run, run_id=seen.run_id),
            workflow_task_finish_event_id=4,
            request_id=str(uuid4()),
        )
    )
