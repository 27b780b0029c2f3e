"""A user's module for tests: a workflow whose agent calls a model, and books by an MCP server."""

from datetime import timedelta
from typing import Any

from temporalio import workflow

from perdure.flow import Agent


@workflow.defn
class Booking:
    def __init__(self) -> None:
        self._go = False

    @workflow.run
    async def run(self, data: dict[str, Any]) -> list[str]:
        async with Agent("clerk", server_names=[data["server"]]) as clerk:
            answer = await clerk.llm.generate_str(f"May I book {data['item']}?")
            booked = await clerk.tools.book(item=data["item"], seconds=data.get("seconds", 0))
            if data.get("waits"):
                await workflow.wait_condition(lambda: self._go, timeout=timedelta(minutes=5))
            again = await clerk.tools.book(item=data["item"])
        return [answer, booked, again]

    @workflow.signal
    def go(self) -> None:
        self._go = True
