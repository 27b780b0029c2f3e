"""The same agent by hand: temporalio, pydantic-ai and mcp, with two activities.

``python -m bench.agents_floor TEMPORAL LLM_URL TINY_SERVER`` is its worker, until SIGTERM.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():  # hand-written code would not import Perdure anew for each run
    from mcp import Client as McpClient
    from mcp.client.stdio import StdioServerParameters
    from pydantic_ai.direct import model_request
    from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelRequest
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    from bench.agents_workload import TURNS
    from bench.beside import beside
    from perdure.runtime.exit import exit_process

__all__ = ["AgentFloor", "open_agent_floor"]

_TASK_QUEUE: Final = "agent-floor"
_SOON: Final = timedelta(minutes=10)
_HEARTBEAT: Final = timedelta(seconds=5)


class _Activities:
    """The activities, which share one model and one MCP session."""

    def __init__(self, model: OpenAIChatModel, tools: McpClient) -> None:
        self._model = model
        self._tools = tools

    @activity.defn
    async def call_model(self, conversation: list[dict[str, Any]], prompt: str) -> list[dict[str, Any]]:
        """Send conversation and prompt to the model, and return the new messages."""
        request = ModelRequest.user_text_prompt(prompt)
        response = await model_request(self._model, [*ModelMessagesTypeAdapter.validate_python(conversation), request])
        new: list[dict[str, Any]] = ModelMessagesTypeAdapter.dump_python([request, response], mode="json")
        return new

    @activity.defn
    async def call_tool(self, tool: str) -> str:
        """Call the tool with an idempotency key."""
        meta: Any = {"perdure/idempotency-key": activity.info().activity_id}
        result = await self._tools.call_tool(tool, {}, meta=meta)
        return "".join(part.text for part in result.content if part.type == "text")


@workflow.defn
class ByHand:
    """The agent, written without Perdure."""

    @workflow.run
    async def run(self) -> int:
        """Call the model and the tool alternately."""
        options: Any = {"start_to_close_timeout": _SOON, "heartbeat_timeout": _HEARTBEAT}
        conversation: list[dict[str, Any]] = []
        for _turn in range(TURNS):
            conversation += await workflow.execute_activity_method(
                _Activities.call_model, args=[conversation, "Go on."], **options
            )
            await workflow.execute_activity_method(_Activities.call_tool, "tell_key", **options)
        return len(conversation)


class AgentFloor:
    """Runs the agent and waits for its result."""

    name = "by hand"

    def __init__(self, client: Client) -> None:
        self._client = client

    async def run_one(self) -> None:
        """Do one run, from the request to its result."""
        await self._client.execute_workflow(ByHand.run, id=f"by-hand-{uuid4().hex}", task_queue=_TASK_QUEUE)


@asynccontextmanager
async def open_agent_floor(temporal: str, llm_url: str, server: str) -> AsyncIterator[AgentFloor]:
    """Run the worker in its own process for as long as the block lasts."""
    client = await Client.connect(temporal, data_converter=pydantic_data_converter)
    async with beside("bench.agents_floor", temporal, llm_url, server):
        floor = AgentFloor(client)
        await floor.run_one()  # the worker is ready after its first run
        yield floor


async def _work(temporal: str, llm_url: str, server: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await Client.connect(temporal, data_converter=pydantic_data_converter)
    model = OpenAIChatModel("any", provider=OpenAICompatibleProvider("house", base_url=llm_url, api_key="none"))
    async with model, McpClient(StdioServerParameters(command=sys.executable, args=[server])) as tools:
        activities = _Activities(model, tools)
        async with Worker(
            client, task_queue=_TASK_QUEUE, workflows=[ByHand], activities=[activities.call_model, activities.call_tool]
        ):
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(_work(*sys.argv[1:4]))
    exit_process(0)
