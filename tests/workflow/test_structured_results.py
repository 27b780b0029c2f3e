"""A tool's result that has structured content and no text reaches the model as its JSON."""

import json
from pathlib import Path
from typing import Any

import pydantic_ai.direct  # noqa: F401 (a slow import, in which no step could heartbeat)
import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from perdure.bus import MemoryBus, MemoryObjects
from perdure.config.settings import Settings
from perdure.flow import Agent
from perdure_orchestrator.agents.models import Models
from perdure_orchestrator.plugin import PerdurePlugin
from tests.support.llm_peer import LlmPeer, llm_peer
from tests.support.model_calls import providers
from tests.support.odd_servers import odd
from tests.support.patient_worker import patient

pytestmark = pytest.mark.asyncio(loop_scope="session")

ORDER = {"order": 42, "lines": [{"item": "größe", "price": None}]}


@workflow.defn
class Looking:
    """Lets the model call a tool."""

    @workflow.run
    async def run(self) -> str:
        async with Agent("clerk", server_names=["shop"]) as clerk:
            return await clerk.llm.generate_str("Look")


async def test_the_next_request_to_the_model_has_the_json_of_a_structured_result(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    result = {"content": [], "structuredContent": ORDER}
    shop = odd({"name": "look", "inputSchema": {"type": "object"}, "result": result})
    async with llm_peer() as peer:
        peer.plan = ["call_tool"]
        house = {**providers(peer.url, tmp_path)["house"], "base_url": f"{peer.url}/v1"}
        settings = Settings.model_validate(
            {
                "temporal": {"sandbox": False},
                "llm": {"providers": {"house": house}, "model": "house:any"},
                "mcp": {"servers": {"shop": shop}},
            }
        )
        configuration = environment.client.config()
        configuration["plugins"] = [PerdurePlugin(settings, bus=MemoryBus(), objects=MemoryObjects())]
        Models(settings.llm).named("house:any")  # its imports take seconds, too
        client = Client(**configuration)
        async with patient(Worker(client, task_queue="structured", workflows=[Looking])):
            answer = await client.execute_workflow("Looking", id="look", task_queue="structured")

    assert answer == "hello"
    assert [json.loads(message["content"]) for message in tool_messages(peer)] == [ORDER]


def tool_messages(peer: LlmPeer) -> list[dict[str, Any]]:
    """Return the results of tools in the last request."""
    return [it for it in peer.requests[-1]["body"]["messages"] if it["role"] == "tool"]
