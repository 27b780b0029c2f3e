"""The workflow that the example of a test in `docs/testing.md` needs, as a reader would write it."""

from typing import Any

from temporalio import workflow

from perdure.flow import Agent, Approved, approval


@workflow.defn
class Selling:
    @workflow.run
    async def run(self, event: dict[str, Any]) -> str:
        async with Agent("clerk", server_names=["shop"]) as clerk:
            offer = await clerk.llm.generate_str(f"What does a {event['item']} cost?")
        return offer if isinstance(await approval("Sell it?", details=offer), Approved) else "(kept)"
