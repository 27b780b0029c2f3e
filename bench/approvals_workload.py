"""The workflow whose requests are open while approvals are measured."""

from temporalio import workflow

from perdure.flow import approval


@workflow.defn
class Asking:
    """Requests an approval without a timeout."""

    @workflow.run
    async def run(self, request: dict[str, str]) -> str:
        """Return the outcome."""
        return (await approval(request["title"])).outcome
