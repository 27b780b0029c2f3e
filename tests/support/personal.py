"""A user's workflow for tests of erasure: what it is given about a person goes through its steps, large and small."""

from datetime import timedelta
from typing import Any

from temporalio import activity, workflow

SOON = timedelta(seconds=20)


@activity.defn
def portrait(name: str, times: int) -> str:
    return name * times


@activity.defn
def greeting(text: str) -> str:
    return f"Dear {text[:40]}"


@workflow.defn
class Greet:
    @workflow.run
    async def run(self, data: dict[str, Any]) -> str:
        large: str = await workflow.execute_activity(
            portrait, args=[data["name"], data.get("times", 1)], start_to_close_timeout=SOON
        )
        return await workflow.execute_activity(greeting, large, start_to_close_timeout=SOON)


@workflow.defn
class Keep:
    """Waits for a signal and knows a name meanwhile."""

    def __init__(self) -> None:
        self._over = False

    @workflow.run
    async def run(self, data: dict[str, Any]) -> str:
        await workflow.wait_condition(lambda: self._over)
        return str(data["name"])

    @workflow.signal
    def end(self, _: Any = None) -> None:
        self._over = True
