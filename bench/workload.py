"""The workload of all contestants: three small steps, as activities and as local activities.

It imports nothing of Perdure, because the sandbox of the hand-written worker would import it anew for each run.
"""

from datetime import timedelta
from typing import Final

from temporalio import activity, workflow

SOON: Final = timedelta(seconds=30)


@activity.defn
async def load(path: str) -> str:
    """Stand in for reading a document."""
    return f"The text of {path}."


@activity.defn
async def analyse(text: str) -> list[str]:
    """Stand in for analysing it."""
    return text.split()


@activity.defn
async def write(words: list[str]) -> int:
    """Stand in for writing the result."""
    return len(words)


@workflow.defn
class Activities:
    """Three steps, each an activity."""

    @workflow.run
    async def run(self, document: dict[str, str]) -> int:
        """Run the steps one after the other."""
        text = await workflow.execute_activity(load, document["path"], start_to_close_timeout=SOON)
        words = await workflow.execute_activity(analyse, text, start_to_close_timeout=SOON)
        return await workflow.execute_activity(write, words, start_to_close_timeout=SOON)


@workflow.defn
class LocalActivities:
    """The same three steps, each a local activity, which suits short steps."""

    @workflow.run
    async def run(self, document: dict[str, str]) -> int:
        """Run the steps one after the other."""
        text = await workflow.execute_local_activity(load, document["path"], start_to_close_timeout=SOON)
        words = await workflow.execute_local_activity(analyse, text, start_to_close_timeout=SOON)
        return await workflow.execute_local_activity(write, words, start_to_close_timeout=SOON)
