"""A run calls tools of a real MCP server; a failure there fails the run or is retried."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from perdure.bus import MemoryBus, MemoryObjects
from perdure.config.settings import Settings, StdioServer
from perdure.flow import Agent
from perdure.flow.messages import CALL_TOOL
from perdure.flow.run import Run
from perdure.flow.server_session import ServerSession
from perdure.testing.scripted_model import ScriptedModel
from perdure_orchestrator.activities import AgentBackends
from perdure_orchestrator.plugin import PerdurePlugin
from tests.support.patient_worker import patient

pytestmark = pytest.mark.asyncio(loop_scope="session")

TINY = Path(__file__).parents[1] / "unit" / "orchestrator" / "tiny_server.py"
TINY_SERVER = StdioServer(command=sys.executable, args=(str(TINY),))


@workflow.defn
class Noting:
    """Calls one tool twice."""

    @workflow.run
    async def run(self, path: str) -> list[str]:
        clerk = Agent("clerk", server_names=["tiny"])
        return [await clerk.tools.note_key(path=path) for _ in range(2)]


@workflow.defn
class Calling:
    """Calls one tool by its name."""

    @workflow.run
    async def run(self, tool: str) -> str:
        answer: str = await getattr(Agent("clerk", server_names=["tiny"]).tools, tool)()
        return answer


@workflow.defn
class Stranded:
    """Calls one tool, although the worker that holds the session of the run has ended."""

    @workflow.run
    async def run(self, tool: str) -> str:
        Run.current().sessions.used["tiny"] = ServerSession(server="tiny", id="s", task_queue="of an ended worker")
        return (await Agent("clerk", server_names=["tiny"]).tools.call(tool)).text


FLOWS = [Noting, Calling, Stranded]


@asynccontextmanager
async def working(environment: WorkflowEnvironment) -> AsyncIterator[None]:
    settings = Settings.model_validate({"temporal": {"sandbox": False}})
    backends = AgentBackends(ScriptedModel(()), {"tiny": TINY_SERVER})
    configuration = environment.client.config()
    configuration["plugins"] = [PerdurePlugin(settings, bus=MemoryBus(), objects=MemoryObjects(), backends=backends)]
    client = Client(**configuration)
    async with patient(Worker(client, task_queue="tools", workflows=FLOWS, max_cached_workflows=0)):
        yield


async def run(environment: WorkflowEnvironment, name: str, argument: str) -> Any:
    run_id = f"{name}-{Path(argument).name}"
    return await environment.client.execute_workflow(name, argument, id=run_id, task_queue="tools")


async def test_a_call_whose_server_died_is_retried_with_the_same_idempotency_key(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    async with working(environment):
        answers = await run(environment, "Noting", str(tmp_path / "keys"))

    assert answers == ["noted", "noted"]
    first, again, second = (tmp_path / "keys").read_text().split()
    assert first == again
    assert second != first


async def test_a_call_that_another_worker_makes_has_the_key_of_the_first_attempt(
    environment: WorkflowEnvironment,
) -> None:
    async with working(environment):
        key = await run(environment, "Stranded", "tell_key")
        history = await environment.client.get_workflow_handle("Stranded-tell_key").fetch_history()

    scheduled = [it.activity_task_scheduled_event_attributes for it in history.events]
    ids = [it.activity_id for it in scheduled if it.activity_type.name == CALL_TOOL]
    assert len(ids) == 2
    assert key.rpartition("/")[2] == ids[0]


@pytest.mark.parametrize(
    ("tool", "kind", "message"),
    [
        ("refuse", "ToolFailed", "the shelf is empty"),
        ("tell_keys", "ToolRefused", "No tool is called tell_keys on tiny: did you mean tell_key?"),
    ],
)
async def test_a_call_that_cannot_succeed_fails_the_run_without_a_retry(
    environment: WorkflowEnvironment, tool: str, kind: str, message: str
) -> None:
    async with working(environment):
        with pytest.raises(WorkflowFailureError) as failed:
            await run(environment, "Calling", tool)

    error = failed.value.cause
    cause = error.cause if isinstance(error, ActivityError) else error
    assert isinstance(cause, ApplicationError)
    assert cause.type == kind
    assert message in cause.message
