"""What runs while parts are killed: three short steps, of both kinds, a few tenths of a second in all."""

import asyncio
from datetime import timedelta
from typing import Any, Final

from temporalio import activity, workflow

__all__ = ["ChaosProbe", "chaos_count", "chaos_measure", "chaos_write"]

_SOON: Final = timedelta(seconds=5)
_WORK: Final = 0.08  # seconds


@activity.defn
async def chaos_measure(words: str) -> list[int]:
    """Stand for a step elsewhere, such as a request."""
    await asyncio.sleep(_WORK)
    return [len(word) for word in words.split()]


@activity.defn
async def chaos_count(lengths: list[int]) -> int:
    """Stand for a step that is over at once."""
    return sum(lengths)


@activity.defn
async def chaos_write(total: int) -> int:
    """Stand for writing down what came of it."""
    await asyncio.sleep(_WORK)
    return total


@workflow.defn
class ChaosProbe:
    """Measure, count and write."""

    @workflow.run
    async def run(self, data: dict[str, Any]) -> int:
        """Do one after the other."""
        lengths = await workflow.execute_activity(chaos_measure, data["words"], start_to_close_timeout=_SOON)
        total = await workflow.execute_local_activity(chaos_count, lengths, start_to_close_timeout=_SOON)
        return await workflow.execute_activity(chaos_write, total, start_to_close_timeout=_SOON)
