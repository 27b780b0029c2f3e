"""Cancelling a run cancels the step that its agent runs."""

import asyncio
from typing import Any

import pytest
from mcp.server.mcpserver import MCPServer
from temporalio import workflow

from perdure.flow import Agent
from perdure.testing import ScriptedModel, WorkflowRunner
from tests.support import greeter


@workflow.defn
class Lingering:
    """Runs one long step, by a model, a function or a server."""

    @workflow.run
    async def run(self, by: str) -> str:
        match by:
            case "model":
                return await Agent("clerk").llm.generate_str("Go")
            case "function":
                return await Agent("clerk", functions=[greeter.linger]).tools.linger()
        return await Agent("clerk", server_names=["shop"]).tools.linger()


class Slow(ScriptedModel):
    async def _respond(self, *_: Any) -> Any:
        await greeter.linger()


@pytest.mark.parametrize("by", ["model", "function", "server"])
async def test_a_long_step_is_cancelled_with_its_run(run_workflow: WorkflowRunner, by: str) -> None:
    greeter.calls.clear()
    server = MCPServer("shop")
    server.tool()(greeter.linger)

    async with run_workflow.start(Lingering, by, model=Slow(), servers={"shop": server}) as run:
        await until("began")
        await run.cancel()
        outcome = await run.outcome()
        await until("cancelled")

    assert outcome.ending.kind == "cancelled"


async def until(call: str) -> None:
    async with asyncio.timeout(30):
        while call not in greeter.calls:
            await asyncio.sleep(0.05)
