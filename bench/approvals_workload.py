"""What is open while approvals are measured."""

from temporalio import workflow

from perdure.flow import approval


@workflow.defn
class Asking:
    """Asks, and waits for ever."""

    @workflow.run
    async def run(self, question: dict[str, str]) -> str:
        """Tell how it was answered."""
        return (await approval(question["title"])).outcome
