"""Parts that run at the same time, of which one has a bug. FROZEN, see the package."""

from temporalio import workflow

from perdure.flow import Agent
from perdure.flow.patterns import Failure, parallel


@workflow.defn
class Stumbling:
    """Lets two work at the same time; one stumbles as it has its answer."""

    @workflow.run
    async def run(self) -> dict[str, str]:
        found = await parallel({"steady": self._steady(), "stumbling": self._stumbling()})
        return {name: f"failed: {it.error}" if isinstance(it, Failure) else it for name, it in found.items()}

    async def _steady(self) -> str:
        steady = Agent("steady")
        return await steady.llm.generate_str(await steady.llm.generate_str("one"))

    async def _stumbling(self) -> str:
        answers = {"answer": await Agent("stumbling").llm.generate_str("two")}
        return answers["another"]
