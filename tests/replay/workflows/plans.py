"""Many agents at once, and a plan of which a task fails. FROZEN, see the package."""

from typing import Any

from temporalio import workflow

from perdure.flow import Agent
from perdure.flow.patterns import orchestrate, parallel


@workflow.defn
class Crowding:
    """Lets five answer, two at a time."""

    @workflow.run
    async def run(self) -> list[Any]:
        parts = {f"{number}": Agent(f"agent {number}").llm.generate_str(f"part {number}") for number in range(5)}
        return [*(await parallel(parts, at_once=2)).values()]


@workflow.defn
class Planned:
    """Lets two work by a plan; one fails."""

    @workflow.run
    async def run(self) -> str:
        workers = {"writer": ("writes", Agent("writer")), "counter": ("counts", Agent("counter"))}
        return await orchestrate(Agent("planner"), workers, "A book", rounds=2)
