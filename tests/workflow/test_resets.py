"""A run that an operator resets calls tools with the keys of before, so that nothing happens twice."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from perdure.bus import MemoryBus, MemoryObjects
from perdure.config.settings import Settings, StdioServer
from perdure.connections.temporal import converter
from perdure.flow import Agent
from perdure.testing.scripted_model import ScriptedModel
from perdure_orchestrator.activities import AgentBackends
from perdure_orchestrator.plugin import PerdurePlugin
from tests.support.binaries import binary
from tests.support.patient_worker import patient

TINY = Path(__file__).parents[1] / "unit" / "orchestrator" / "tiny_server.py"


@workflow.defn
class Noting:
    """Notes the key of two calls in each run of a chain."""

    @workflow.run
    async def run(self, path: str, runs: int) -> None:
        clerk = Agent("clerk", server_names=["tiny"])
        for _ in range(2):
            await clerk.tools.note_key(path=path)
        if runs > 1:
            workflow.continue_as_new(args=[path, runs - 1])


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"), data_converter=converter(), dev_server_log_level="error"
    ) as environment:
        backends = AgentBackends(ScriptedModel(()), {"tiny": StdioServer(command=sys.executable, args=(str(TINY),))})
        settings = Settings.model_validate({"temporal": {"sandbox": False}})
        configuration = environment.client.config()
        configuration["plugins"] = [
            PerdurePlugin(settings, bus=MemoryBus(), objects=MemoryObjects(), backends=backends)
        ]
        client = Client(**configuration)
        async with patient(Worker(client, task_queue="tools", workflows=[Noting], max_cached_workflows=0)):
            yield client


async def reset(client: Client, run: WorkflowHandle[None, None]) -> None:
    """Let the newest run of a workflow id begin again after its first workflow task, and wait for its end."""
    run_id = (await run.describe()).run_id
    history = await client.get_workflow_handle(run.id, run_id=run_id).fetch_history()
    first = next(it for it in history.events if it.HasField("workflow_task_completed_event_attributes"))
    answer = await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=run.id, run_id=run_id),
            workflow_task_finish_event_id=first.event_id,
            request_id=uuid4().hex,
        )
    )
    await client.get_workflow_handle(run.id, run_id=answer.run_id).result()


@pytest.mark.parametrize("runs", [1, 2])
async def test_a_reset_run_calls_tools_with_the_keys_of_before(client: Client, tmp_path: Path, runs: int) -> None:
    keys = tmp_path / "keys"
    keys.touch()  # the server is there from the first call on
    run = await client.start_workflow("Noting", args=[str(keys), runs], id="noting", task_queue="tools")
    await run.result()
    before = keys.read_text().split()

    for _ in range(2):
        await reset(client, run)

    assert len(set(before)) == 2 * runs
    assert keys.read_text().split() == [*before, *before[-2:], *before[-2:]]
