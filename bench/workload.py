"""What both sides run: three small steps, once as activities and once as local activities.

It imports nothing of Perdure: the sandbox of the one written by hand would import that anew for each of its runs.
"""

from datetime import timedelta
from typing import Final

from temporalio import activity, workflow

SOON: Final = timedelta(seconds=30)


@activity.defn
async def load(path: str) -> str:
    """Stand for reading something."""
    return f"The text of {path}."


@activity.defn
async def analyse(text: str) -> list[str]:
    """Stand for thinking about it."""
    return text.split()


@activity.defn
async def write(words: list[str]) -> int:
    """Stand for writing down what came of it."""
    return len(words)


@workflow.defn
class Activities:
    """Three steps, each an activity."""

    @workflow.run
    async def run(self, document: dict[str, str]) -> int:
        """Do one after the other."""
        text = await workflow.execute_activity(load, document["path"], start_to_close_timeout=SOON)
        words = await workflow.execute_activity(analyse, text, start_to_close_timeout=SOON)
        return await workflow.execute_activity(write, words, start_to_close_timeout=SOON)


@workflow.defn
class LocalActivities:
    """The same three steps, each a local activity: for steps that are short."""

    @workflow.run
    async def run(self, document: dict[str, str]) -> int:
        """Do one after the other."""
        text = await workflow.execute_local_activity(load, document["path"], start_to_close_timeout=SOON)
        words = await workflow.execute_local_activity(analyse, text, start_to_close_timeout=SOON)
        return await workflow.execute_local_activity(write, words, start_to_close_timeout=SOON)
