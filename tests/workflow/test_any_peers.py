"""Whatever a server lists and returns, and whatever a provider answers, a run ends, and says why in plain words."""

import asyncio
import os
from typing import Any, Final
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import BaseModel
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from perdure.bus import MemoryBus, MemoryObjects
from perdure.config.settings import Settings
from perdure.contracts import Progress
from perdure.flow import Agent
from perdure_orchestrator.plugin import PerdurePlugin
from tests.support.any_peers import AnyPeers, any_peers, serving_any
from tests.support.patient_worker import patient
from tests.support.plain_words import CODE

EXAMPLES: Final = int(os.environ.get("PEERS_EXAMPLES", "25"))

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),
    pytest.mark.timeout(120 + 5 * EXAMPLES),
]


class City(BaseModel):
    """A shape to ask for."""

    name: str


@workflow.defn
class AsksAnybody:
    @workflow.run
    async def run(self, shaped: bool) -> str:
        async with Agent("a", server_names=["any"]) as agent:
            if shaped:
                return (await agent.llm.generate_structured("hi", City)).name
            return await agent.llm.generate_str("hi")


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(peers=any_peers, shaped=...)
async def test_a_run_ends_whatever_its_peers_answer(
    environment: WorkflowEnvironment, peers: AnyPeers, shaped: bool
) -> None:
    bus = MemoryBus()
    with serving_any(peers) as url:
        result, failure = await _outcome(environment, bus, _settings(url), shaped=shaped)

    facts = [message for message in bus.published if isinstance(message, Progress)]
    shown = [failure, *(fact.error for fact in facts), *(str(fact.result) for fact in facts if fact.kind == "note")]
    assert bool(result and result.strip()) != bool(failure), (result, failure)
    assert not [text for text in shown if text and any(word in text for word in CODE)]
    assert all(fact.error for fact in facts if fact.kind in {"failed", "step_failed"})


def _settings(url: str) -> Settings:
    house = {"compatible": True, "base_url": f"{url}/v1", "api_key_variable": "PATH"}
    return Settings.model_validate(
        {
            "temporal": {"sandbox": False, "on_bug": "fail"},
            "llm": {"model": "house:m", "providers": {"house": house}, "request_timeout": "2s"},
            "mcp": {"servers": {"any": {"url": f"{url}/mcp", "start_timeout": "5s"}}},
        }
    )


async def _outcome(
    environment: WorkflowEnvironment, bus: MemoryBus, settings: Settings, *, shaped: bool
) -> tuple[Any, str]:
    configuration: Any = {
        **environment.client.config(),
        "plugins": [PerdurePlugin(settings, bus=bus, objects=MemoryObjects())],
    }
    client, queue = Client(**configuration), uuid4().hex
    async with patient(Worker(client, task_queue=queue, workflows=[AsksAnybody])), asyncio.timeout(60):
        run = await client.start_workflow(AsksAnybody.run, shaped, id=uuid4().hex, task_queue=queue)
        try:
            return await run.result(), ""
        except WorkflowFailureError as error:
            return None, str(error.cause)
