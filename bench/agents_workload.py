"""The agent that Perdure runs: ten model requests and ten tool calls, alternately."""

from typing import Final

from temporalio import workflow

from perdure.flow import Agent

__all__ = ["TURNS", "AgentRun"]

TURNS: Final = 10


@workflow.defn
class AgentRun:
    """The agent, written with Perdure."""

    @workflow.run
    async def run(self, _: dict[str, str]) -> str:
        """Call the model and the tool alternately."""
        answer = ""
        async with Agent("clerk", server_names=["tiny"]) as clerk:
            for _turn in range(TURNS):
                answer = await clerk.llm.generate_str("Go on.")
                await clerk.tools.tell_key()
        return answer
