"""A workflow of your own: it greets each person who arrives, after a human has approved the greeting."""

from datetime import timedelta

from temporalio import activity, workflow

from perdure.flow import Approved, approval


@activity.defn
async def greet(name: str) -> str:
    return f"Hello, {name}!"


@workflow.defn
class Greeting:
    @workflow.run
    async def run(self, event: dict[str, str]) -> str:
        words = await workflow.execute_activity(greet, event["name"], start_to_close_timeout=timedelta(seconds=10))
        decision = await approval("Say it?", details=words)
        return words if isinstance(decision, Approved) else "(silence)"
