"""The queue on which one worker takes steps of runs whose sessions it holds: how it ends, and beside another."""

import asyncio
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from perdure.bus import MemoryBus, MemoryObjects
from perdure.config.settings import Settings
from perdure.contracts import Message, Progress
from perdure.errors import Unavailable
from perdure.flow import Agent
from perdure.testing.scripted_model import ScriptedModel
from perdure_orchestrator.activities import AgentBackends
from perdure_orchestrator.plugin import PerdurePlugin
from tests.support.patient_worker import patient
from tests.support.session_world import QUEUE, Remembering, World, remembering

pytestmark = pytest.mark.asyncio(loop_scope="session")


def own_function() -> str:
    """Say hello."""
    return "hello"


@workflow.defn
class Listing:
    """Begins a session, and lists its tools, which has then to be done where the session is."""

    @workflow.run
    async def run(self) -> list[str]:
        agent = Agent("clerk", server_names=["memory"], functions=[own_function])
        await agent.tools.call("add", {"value": "1"})
        return sorted(tool["name"] for tool in await agent.tools.list())


class Refusing(MemoryBus):
    """A bus that is away for the end of a reading step."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 0

    async def publish(self, message: Message) -> int:
        if self.refusals and is_end_of_reading(message):
            self.refusals -= 1
            raise Unavailable("the bus is away")
        return await super().publish(message)


def is_end_of_reading(message: Message) -> bool:
    return isinstance(message, Progress) and message.kind == "step_completed" and "resource" in str(message.step)


async def connected(environment: WorkflowEnvironment, folder: Path, bus: MemoryBus) -> Client:
    settings = Settings.model_validate({"temporal": {"sandbox": False}, "state": folder / "state"})
    backends = AgentBackends(ScriptedModel(()), {"memory": remembering(folder / "log")})
    plugin = PerdurePlugin(settings, bus=bus, objects=MemoryObjects(), backends=backends)
    return await Client.connect(environment.client.service_client.config.target_host, plugins=[plugin])


async def test_what_ends_on_the_queue_of_a_worker_that_stops_is_published(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    bus, goes_on = Refusing(), tmp_path / "on"
    client = await connected(environment, tmp_path, bus)
    here = World(client, tmp_path / "log", bus)
    worker = patient(Worker(client, task_queue=QUEUE, workflows=[Remembering], max_cached_workflows=0))

    async def end_reading() -> None:
        while not worker.is_shutdown:  # only its own queue takes steps now
            await asyncio.sleep(0.01)
        goes_on.touch()

    async with worker:
        await here.start("a", "add 1", f"read memory:when:{goes_on}")
        await here.until(Path(f"{goes_on}.asked").exists)
        bus.refusals = 4  # for longer than the queue lets a step end
        ending = asyncio.create_task(end_reading())
    published = [it for it in bus.published if is_end_of_reading(it)]
    await ending

    assert (len(published), bus.refusals) == (1, 0)


async def test_each_of_two_workers_in_a_process_takes_steps_of_its_own_workflows(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    client = await connected(environment, tmp_path, MemoryBus())
    listing = patient(Worker(client, task_queue="listing", workflows=[Listing]))
    other = patient(Worker(client, task_queue=QUEUE))  # with the workflows of Perdure alone

    async with listing, other:
        found = await client.execute_workflow(Listing.run, id="listing", task_queue="listing")

    assert found == ["add", "die", "files", "own_function", "wait"]
