"""Clients of the test server that have a plugin, and a small workflow for a worker assembled by hand."""

from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus, MemoryObjects
from perdure.config.settings import Settings
from perdure.flow import Agent, note
from perdure.testing.scripted_model import ScriptedModel
from perdure_orchestrator.activities import AgentBackends
from perdure_orchestrator.plugin import PerdurePlugin


@activity.defn
def count(text: str) -> int:
    """A plain function; the plugin brings the thread pool to run it in."""
    return len(text)


@workflow.defn
class Counting:
    @workflow.run
    async def run(self, question: str) -> int:
        async with Agent("clerk") as clerk:
            answer = await clerk.llm.generate_str(question)
        await note("answered")
        characters: int = await workflow.execute_activity(count, answer, start_to_close_timeout=timedelta(seconds=30))
        return characters


def plugin(bus: MemoryBus | None = None, **temporal: Any) -> PerdurePlugin:
    """Return a plugin with everything in memory, and these keys of ``temporal:``."""
    settings = Settings.model_validate({"temporal": {"inline_payload_bytes": 1024, **temporal}})
    backends = AgentBackends(ScriptedModel(lambda prompt: prompt), {})
    return PerdurePlugin(settings, bus=bus or MemoryBus(), objects=MemoryObjects(), backends=backends)


def client(environment: WorkflowEnvironment, **changes: Any) -> Client:
    """Return a client of the test server, whose converter is the default one, with changes."""
    configuration: Any = {**environment.client.config(), **changes}
    return Client(**configuration)
