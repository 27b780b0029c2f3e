"""Long conversations and large tool results stay out of the history of a run."""

from typing import Any

from mcp.server.mcpserver import MCPServer
from temporalio import workflow

from perdure.flow import Agent
from perdure.testing import ScriptedModel, ToolUse, WorkflowRunner


@workflow.defn
class Conversing:
    """Holds a long conversation."""

    @workflow.run
    async def run(self, turns: int) -> list[int]:
        async with Agent("writer") as writer:
            for turn in range(turns):
                await writer.llm.generate_str(f"{turn} " + "word " * 400)
        info = workflow.info()
        return [info.get_current_history_size(), info.get_current_history_length()]


@workflow.defn
class Fetching:
    """Reads a tool's large result in the program and with a model."""

    @workflow.run
    async def run(self) -> tuple[int, int, str]:
        async with Agent("reader", server_names=["shop"]) as reader:
            text = await reader.tools.fetch()
            answer = await reader.llm.generate_str("Read it")
        return workflow.info().get_current_history_size(), len(text), answer


async def test_a_long_conversation_is_not_sent_whole_each_turn(run_workflow: WorkflowRunner) -> None:
    lengths: list[int] = []

    class Counting(ScriptedModel):
        async def _respond(self, messages: Any, info: Any) -> Any:
            lengths.append(len(messages))
            return await super()._respond(messages, info)

    cached = {"orchestrator": {"max_cached_runs": 1}}  # replaying 200 turns 200 times is slow
    outcome = await run_workflow(Conversing, 200, model=Counting(lambda prompt: prompt[:3]), settings=cached)

    size, _ = outcome.result
    assert lengths == list(range(1, 400, 2))  # each turn carries the whole conversation
    assert size < 200 * 16 * 1024  # bytes; sent as a whole it would be 200 * 200 * 2 KiB / 2


async def test_ten_megabytes_of_a_tool_reach_the_program_and_a_part_the_model_and_the_history_keeps_none_of_it(
    run_workflow: WorkflowRunner,
) -> None:
    server = MCPServer("shop")

    @server.tool()
    def fetch() -> str:
        """Fetch much."""
        return "much " * 2_000_000

    read: list[int] = []

    class Reading(ScriptedModel):
        async def _respond(self, messages: Any, info: Any) -> Any:
            read.append(sum(len(str(part.content)) for part in messages[-1].parts))
            return await super()._respond(messages, info)

    model = Reading(lambda _: "read" if read[-1] > 50_000 else ToolUse("fetch"))  # however often a step is repeated
    outcome = await run_workflow(Fetching, model=model, servers={"shop": server})

    size, length, answer = outcome.result
    assert (length, answer) == (10_000_000, "read")
    assert 100_000 < read[-1] < 100_300
    assert size < 64 * 1024  # bytes
