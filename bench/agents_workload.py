"""What both sides run of agents: ten requests to a model and ten calls of a tool, in turns."""

from typing import Final

from temporalio import workflow

from perdure.flow import Agent

__all__ = ["TURNS", "AgentRun"]

TURNS: Final = 10


@workflow.defn
class AgentRun:
    """As an author of Perdure's writes it."""

    @workflow.run
    async def run(self, _: dict[str, str]) -> str:
        """Ask and call in turns."""
        said = ""
        async with Agent("clerk", server_names=["tiny"]) as clerk:
            for _turn in range(TURNS):
                said = await clerk.llm.generate_str("Go on.")
                await clerk.tools.tell_key()
        return said
