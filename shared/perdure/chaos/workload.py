"""The workflow that a chaos run starts: three short activities, one of them local, in about 0.2 seconds."""

import asyncio
from datetime import timedelta
from typing import Any, Final

from temporalio import activity, workflow

__all__ = ["ChaosProbe", "chaos_count", "chaos_measure", "chaos_write"]

_TIMEOUT: Final = timedelta(seconds=5)
_DURATION: Final = 0.08  # seconds


@activity.defn
async def chaos_measure(words: str) -> list[int]:
    """Simulate a call to another system."""
    await asyncio.sleep(_DURATION)
    return [len(word) for word in words.split()]


@activity.defn
async def chaos_count(lengths: list[int]) -> int:
    """Simulate a step without I/O; runs as a local activity."""
    return sum(lengths)


@activity.defn
async def chaos_write(total: int) -> int:
    """Simulate writing the result to another system."""
    await asyncio.sleep(_DURATION)
    return total


@workflow.defn
class ChaosProbe:
    """Measure, count and write, each in an activity of its own."""

    @workflow.run
    async def run(self, data: dict[str, Any]) -> int:
        """Run the three activities in order."""
        lengths = await workflow.execute_activity(chaos_measure, data["words"], start_to_close_timeout=_TIMEOUT)
        total = await workflow.execute_local_activity(chaos_count, lengths, start_to_close_timeout=_TIMEOUT)
        return await workflow.execute_activity(chaos_write, total, start_to_close_timeout=_TIMEOUT)
