"""The workflows that a chaos run starts: short, and each fails if something happens to it twice."""

import asyncio
from datetime import timedelta
from typing import Any, Final

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from perdure.flow import Approved, approval

__all__ = [
    "ChaosApproval",
    "ChaosBatch",
    "ChaosMailbox",
    "ChaosPatient",
    "ChaosProbe",
    "chaos_count",
    "chaos_measure",
    "chaos_write",
]

_TIMEOUT: Final = timedelta(seconds=5)
_DURATION: Final = 0.08  # seconds
_LISTENS: Final = 2.0  # seconds after the last expected signal, in which another one would be one too many
_PATIENCE: Final = 1.5  # seconds


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


@workflow.defn
class ChaosBatch:
    """Write one result for many events; no event may be in the batch twice."""

    @workflow.run
    async def run(self, batch: list[dict[str, Any]]) -> int:
        """Return the number of events."""
        numbers = [data["number"] for data in batch]
        _refuse_twice(numbers)
        return await workflow.execute_activity(chaos_write, len(numbers), start_to_close_timeout=_TIMEOUT)


@workflow.defn
class ChaosApproval:
    """Write once a person has approved."""

    @workflow.run
    async def run(self, data: dict[str, Any]) -> int:
        """Request the approval, then write."""
        outcome = await approval(f"Write {data['number']}?", action=data["number"])
        if not isinstance(outcome, Approved):
            raise ApplicationError(f"{outcome.outcome}, though the bot approves all", non_retryable=True)
        return await workflow.execute_activity(chaos_write, data["number"], start_to_close_timeout=_TIMEOUT)


@workflow.defn
class ChaosMailbox:
    """Collect the items of a box by signals, each once."""

    def __init__(self) -> None:
        self._items: list[int] = []

    @workflow.run
    async def run(self, data: dict[str, Any]) -> int:
        """Wait for all items, then a little longer for one that comes twice."""
        await workflow.wait_condition(lambda: len(self._items) >= data["items"])
        await asyncio.sleep(_LISTENS)
        _refuse_twice(self._items)
        return len(self._items)

    @workflow.signal
    def item(self, data: dict[str, Any]) -> None:
        """Take an item."""
        self._items.append(data["item"])


@workflow.defn
class ChaosPatient:
    """Wait a little, so that a newer event can cancel it."""

    @workflow.run
    async def run(self, data: dict[str, Any]) -> int:
        """Wait, then write."""
        await asyncio.sleep(_PATIENCE)
        return await workflow.execute_activity(chaos_write, data["number"], start_to_close_timeout=_TIMEOUT)


def _refuse_twice(numbers: list[int]) -> None:
    if len(numbers) != len(set(numbers)):
        raise ApplicationError(f"something came twice: {numbers}", non_retryable=True)
