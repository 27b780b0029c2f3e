"""Ends a test whose run cannot go on, with a sentence about what it waits for."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.service import RPCError

from perdure.contracts import Progress
from perdure.testing.mistakes import Mistakes
from perdure.testing.task_failures import failing_task
from perdure.testing.waits import RunInTest, describe_waits
from perdure.values.nearest import nearest

__all__ = ["StallGuard", "describe_stall"]

_LOOK_EVERY: Final = 0.5  # seconds
_LONGEST: Final = 10  # times ``stalled_after``
_MOST_ATTEMPTS: Final = 50  # a step that no retry policy limits; with time skipped they take a second
_NOTHING_NEW: Final = {
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_TIMER_FIRED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
}
_FAILED_LOOKS: Final = 4  # a workflow task that failed for so many looks in a row is not a passing trouble

Result = TypeVar("Result")


class StallGuard:
    """Watches one run while its test waits for something.

    Args:
        run: The run.
        mistakes: The mistakes of the test.
        stalled_after: How much real time may pass without anything new. Timers that fire and attempts that are repeated
            are nothing new. Ten times as long, nothing that the test waits for may take.
    """

    def __init__(self, run: RunInTest, mistakes: Mistakes, stalled_after: timedelta) -> None:
        self._run = run
        self._mistakes = mistakes
        self._stalled_after = stalled_after.total_seconds()

    async def wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Return the result of something that the test waits for.

        Raises:
            AssertionError: The test made a mistake, a workflow task fails each time, or nothing new happens.
        """
        task = asyncio.create_task(work)
        try:
            await self._until_done(task)
            if self._mistakes.first.done():
                raise AssertionError(self._mistakes.first.result())
            return await task
        finally:
            task.cancel()

    async def _until_done(self, task: asyncio.Task[Any]) -> None:
        began = since = time.monotonic()
        seen, failed_looks = (0, 0), 0
        either: set[asyncio.Future[Any]] = {task, self._mistakes.first}
        while not (await asyncio.wait(either, timeout=_LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED))[0]:
            history, now = await self._run.history(), time.monotonic()
            await self._refuse_hopeless(history)
            failing = failing_task(history)
            failed_looks = failed_looks + 1 if failing else 0
            if failed_looks == _FAILED_LOOKS:
                raise AssertionError(f"A workflow task of {self._run.handle.id} fails each time: {failing}")
            if (progress := self._progress(history)) != seen:
                seen, since = progress, now
            if now - since > self._stalled_after:
                what = f"has done nothing new for {self._stalled_after:g} s (`stalled_after`)"
                raise AssertionError(await describe_stall(self._run, what))
            if now - began > _LONGEST * self._stalled_after:
                what = f"goes on and on, and has not got there in {now - began:.0f} s"
                raise AssertionError(await describe_stall(self._run, what))

    async def _refuse_hopeless(self, history: Sequence[HistoryEvent]) -> None:
        """Raise if a step was repeated very often, or a child run is of a workflow that no worker knows."""
        if any(isinstance(fact, Progress) and fact.attempt > _MOST_ATTEMPTS for fact in self._run.bus.published):
            raise AssertionError(await describe_stall(self._run, "repeats a step again and again"))
        for event in history:
            child = event.start_child_workflow_execution_initiated_event_attributes
            name = child.workflow_type.name
            if child.task_queue.name == self._run.task_queue and name not in self._run.workflows:
                near = nearest(name, self._run.workflows, stop=".")
                raise AssertionError(f"No workflow is called {name}{near} Pass it to the run: children=[...].")

    def _progress(self, history: Sequence[HistoryEvent]) -> tuple[int, int]:
        """Return two numbers of which one changes whenever the run does something new."""
        facts = [it for it in self._run.bus.published if not (isinstance(it, Progress) and it.attempt > 1)]
        return len(facts), sum(event.event_type not in _NOTHING_NEW for event in history)


async def describe_stall(run: RunInTest, what: str) -> str:
    """Return a sentence about a run that does not go on, and a line for each thing that it waits for."""
    try:
        waits = await describe_waits(run)
    except RPCError as error:
        waits = [f"something that the test server does not describe ({error.message})"]
    return "\n  - ".join([f"The run {run.handle.id} {what}. It waits for:", *waits])
