"""A user's module for tests: a conversation whose model books by tools of servers that may misbehave."""

from typing import Any

from temporalio import workflow

from perdure.flow import Agent

SERVERS = ("steady", "crashing", "hanging", "flooding", "lying")


@workflow.defn
class Conversation:
    @workflow.run
    async def run(self, data: dict[str, Any]) -> str:
        async with Agent("clerk", server_names=list(SERVERS)) as clerk:
            return await clerk.llm.generate_str(f"Conversation {data['number']}: please book.")
