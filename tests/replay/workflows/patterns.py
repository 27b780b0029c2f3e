"""Several agents at work. FROZEN, see the package."""

from typing import Any

from temporalio import workflow

from perdure.flow import Agent
from perdure.flow.patterns import Failure, handoff, orchestrate, parallel, refine, route
from tests.replay.workflows.functions import now


@workflow.defn
class Sides:
    """Lets three answer at the same time, of whom one fails."""

    @workflow.run
    async def run(self) -> dict[str, str]:
        found = await parallel(
            {name: Agent(name).llm.generate_str(f"Tell the {name}") for name in ("mood", "names", "gist")}
        )
        return {name: f"failed: {it.error}" if isinstance(it, Failure) else it for name, it in found.items()}


@workflow.defn
class Choosing:
    """Lets a model choose who is to do something, and lets them do it."""

    @workflow.run
    async def run(self, request: str) -> str:
        choices: dict[str, tuple[str, Any]] = {
            "expert": ("knows", Agent("expert")),
            "now": ("gives the time", now),
            "shop": ("sells", "shop"),
        }
        match await route(Agent("router"), request, choices):
            case Agent() as agent:
                return await agent.llm.generate_str("Why?")
            case str() as server:
                return str(await Agent("buyer", server_names=[server]).tools.price(item="hat"))
            case function:
                return str(await Agent("clock", functions=[function]).tools.now())


@workflow.defn
class Planning:
    """Lets a planner split the work."""

    @workflow.run
    async def run(self) -> str:
        workers = {"writer": ("writes", Agent("writer")), "counter": ("counts", Agent("counter"))}
        return await orchestrate(Agent("planner"), workers, "A book", rounds=3)


@workflow.defn
class Refining:
    """Lets a critic judge what a writer writes."""

    @workflow.run
    async def run(self) -> list[Any]:
        refined = await refine(Agent("writer"), Agent("critic"), "A poem", good_enough=8, rounds=3)
        return [refined.text, refined.rounds, refined.good_enough]


@workflow.defn
class Passing:
    """Lets agents hand a request over."""

    @workflow.run
    async def run(self) -> list[str]:
        agents = {"desk": ("listens", Agent("desk")), "expert": ("knows", Agent("expert"))}
        return list(await handoff(agents, "desk", "Why?", turns=3))
