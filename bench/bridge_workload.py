"""The workflow of the hand-written bridge: the same three steps, the last of which publishes ``completed``.

It imports only the steps, because the sandbox imports this module anew for each run.
"""

from temporalio import workflow

from bench.workload import SOON, analyse, load

__all__ = ["WRITE_AND_PUBLISH", "Bridged"]

WRITE_AND_PUBLISH = "write_and_publish"


@workflow.defn
class Bridged:
    """Three steps, each an activity."""

    @workflow.run
    async def run(self, event_id: str, document: dict[str, str]) -> int:
        """Run the steps one after the other."""
        text = await workflow.execute_activity(load, document["path"], start_to_close_timeout=SOON)
        words = await workflow.execute_activity(analyse, text, start_to_close_timeout=SOON)
        written: int = await workflow.execute_activity(
            WRITE_AND_PUBLISH, args=[event_id, words], start_to_close_timeout=SOON, result_type=int
        )
        return written
