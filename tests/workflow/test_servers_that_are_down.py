"""An agent whose server is down waits for two attempts of its step, and then does without that server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from perdure.bus import MemoryBus, MemoryObjects
from perdure.config.settings import Settings, StdioServer
from perdure.contracts import Progress
from perdure.flow import Agent
from perdure.testing.scripted_model import ScriptedModel
from perdure_orchestrator.activities import AgentBackends
from perdure_orchestrator.agents.in_process import InProcessServer
from perdure_orchestrator.agents.server_transports import ServerConfig
from perdure_orchestrator.plugin import PerdurePlugin
from tests.support import greeter
from tests.support.patient_worker import patient

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUEUE = "servers-that-are-down"


@workflow.defn
class Asking:
    """Lets an agent of two servers answer, of which one is down."""

    @workflow.run
    async def run(self) -> str:
        return await Agent("clerk", server_names=["broken", "shop"]).llm.generate_str("Hi")


@asynccontextmanager
async def working(environment: WorkflowEnvironment, folder: Path, bus: MemoryBus) -> AsyncIterator[Client]:
    configured = {"temporal": {"sandbox": False}, "state": folder, "llm": {"retry": {"initial_interval": 0.1}}}
    servers: dict[str, ServerConfig] = {
        "broken": StdioServer(command="/bin/sh", args=("-c", "exit 3")),
        "shop": InProcessServer(greeter.shop()),
    }
    plugin = PerdurePlugin(
        Settings.model_validate(configured),
        bus=bus,
        objects=MemoryObjects(),
        backends=AgentBackends(ScriptedModel(lambda prompt: prompt), servers),
    )
    client = await Client.connect(environment.client.service_client.config.target_host, plugins=[plugin])
    async with patient(Worker(client, task_queue=QUEUE, workflows=[Asking], max_cached_workflows=0)):
        yield client


async def test_the_attempts_that_have_waited_are_known_to_the_next_whichever_worker_makes_it(
    real_server: WorkflowEnvironment, tmp_path: Path
) -> None:
    bus = MemoryBus()
    async with (
        working(real_server, tmp_path / "1", bus) as client,
        working(real_server, tmp_path / "2", bus),
        asyncio.timeout(60),
    ):
        handle = await client.start_workflow("Asking", id="a", task_queue=QUEUE)
        answer = await handle.result()
        events = (await handle.fetch_history()).events

    started = [it for it in events if it.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED]
    notes = [str(it.result) for it in bus.published if isinstance(it, Progress) and it.kind == "note"]
    assert answer == "Hi"
    assert [it.activity_task_started_event_attributes.attempt for it in started] == [3]
    assert [note.partition(": ")[0] for note in notes] == ["clerk goes on without the tools of broken"]
