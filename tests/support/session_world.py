"""Runs that work with a server which keeps state, on a worker of their own, as a test sees them."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from perdure.bus import MemoryBus, MemoryObjects
from perdure.config.settings import Settings, StdioServer
from perdure.contracts import Progress
from perdure.flow import Agent
from perdure.testing.scripted_model import ScriptedModel
from perdure_orchestrator.activities import AgentBackends
from perdure_orchestrator.plugin import PerdurePlugin
from tests.support.patient_worker import patient

__all__ = ["QUEUE", "Remembering", "World", "remembering", "working", "world"]

PROGRAM = Path(__file__).with_name("remembering_server.py")
QUEUE = "sessions"


@workflow.defn
class Remembering:
    """Calls tools as it is asked to, one after the other; ``go on`` waits for a signal, ``again`` continues as new."""

    def __init__(self) -> None:
        self._goes_on = False
        self.texts: list[str] = []

    @workflow.signal
    def go_on(self) -> None:
        self._goes_on = True

    @workflow.query
    def seen(self) -> list[str]:
        return self.texts

    @workflow.run
    async def run(self, calls: list[str], texts: list[str], servers: tuple[str, ...] = ("memory",)) -> list[str]:
        self.texts = texts
        agent = Agent("clerk", server_names=servers)
        for number, call in enumerate(calls):
            match call.partition(" "):
                case "go", _, _:
                    await workflow.wait_condition(lambda: self._goes_on)
                    self._goes_on = False
                case "again", _, _:
                    workflow.continue_as_new(args=[calls[number + 1 :], texts, servers])
                case "both", _, value:
                    texts += sorted(await asyncio.gather(*(self._call(agent, "add", value) for _ in range(2))))
                case "all", _, value:
                    texts += await asyncio.gather(*(self._call(agent, f"{it}__add", value) for it in servers))
                case "fail", _, _:
                    raise ApplicationError("as asked")
                case "read", _, uri:
                    texts.append(await self._read(agent, uri or "memory:all"))
                case "list", _, _:
                    texts.append(" ".join(found["server"] for found in await agent.resources.list()))
                case tool, _, value:
                    texts.append(await self._call(agent, tool, value))
        return texts

    async def _call(self, agent: Agent, tool: str, value: str) -> str:
        try:
            return (await agent.tools.call(tool, {"value": value})).text
        except ApplicationError as error:
            if error.type != "SessionLost":
                raise
            return error.message

    async def _read(self, agent: Agent, uri: str) -> str:
        try:
            return str((await agent.resources.read(uri))[0]["text"])
        except ApplicationError as error:
            if error.type != "SessionLost":
                raise
            return error.message


class World:
    """Workers with a server, as a test sees them."""

    def __init__(self, client: Client, log: Path, bus: MemoryBus) -> None:
        self.client = client
        self.log = log
        self.bus = bus

    async def start(self, name: str, *calls: str, servers: Sequence[str] = ("memory",)) -> WorkflowHandle[Any, Any]:
        return await self.client.start_workflow(
            "Remembering", args=[list(calls), [], list(servers)], id=name, task_queue=QUEUE
        )

    async def run(self, name: str, *calls: str, servers: Sequence[str] = ("memory",)) -> list[str]:
        texts: list[str] = await (await self.start(name, *calls, servers=servers)).result()
        return texts

    def lines(self) -> list[str]:
        return self.log.read_text().split() if self.log.exists() else []

    async def until(self, fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not fact():
                await asyncio.sleep(0.02)

    async def all_closed(self) -> None:
        def pids(sign: str) -> list[str]:
            return sorted(line[1:] for line in self.lines() if line[0] == sign)

        await self.until(lambda: pids("+") == pids("-"))

    def notes(self) -> list[str]:
        return [str(it.result) for it in self.bus.published if isinstance(it, Progress) and it.kind == "note"]


@asynccontextmanager
async def working(
    environment: WorkflowEnvironment, folder: Path, bus: MemoryBus, server: Any, **more: Any
) -> AsyncIterator[Client]:
    orchestrator = {"max_concurrent_steps": more.pop("steps", 100)}
    settings = Settings.model_validate({"temporal": {"sandbox": False}, "state": folder, "orchestrator": orchestrator})
    backends = AgentBackends(ScriptedModel(()), {"memory": server, **more})
    plugin = PerdurePlugin(settings, bus=bus, objects=MemoryObjects(), backends=backends)
    connection = environment.client.service_client.config  # a worker refuses to share it with another of its queue
    client = await Client.connect(connection.target_host, plugins=[plugin])
    async with patient(Worker(client, task_queue=QUEUE, workflows=[Remembering], max_cached_workflows=0)):
        yield client


def remembering(log: Path, *args: str, **settings: Any) -> StdioServer:
    command = {"command": sys.executable, "args": (str(PROGRAM), str(log), *args)}
    return StdioServer.model_validate({**command, "session": "run", **settings})


@asynccontextmanager
async def world(environment: WorkflowEnvironment, folder: Path, *args: str, **settings: Any) -> AsyncIterator[World]:
    log, bus = folder / "log", MemoryBus()
    async with working(environment, folder / "state", bus, remembering(log, *args, **settings)) as client:
        yield World(client, log, bus)
