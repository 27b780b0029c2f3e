"""Progress of a step stays complete when the bus is unavailable or loses a fact."""

import asyncio
import time
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus
from perdure.contracts import Message, Progress
from perdure.errors import Unavailable
from perdure_orchestrator.endings import ClosedRuns, EndedRuns
from tests.support.scripted_worker import open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

ONCE = RetryPolicy(maximum_attempts=1)


async def test_a_step_whose_end_cannot_be_published_is_not_run_again(environment: WorkflowEnvironment) -> None:
    bus = PausedBus()
    async with open_scripted_worker(environment, Once, activities=[bus.count], bus=bus) as worker:
        run = await worker.start("Once")
        result = await run.result()
        async for message in bus.subscribe("progress.>", replay=True):
            if message.sequence == 4:
                break

    assert (result, bus.counted) == (1, 1)
    assert {number for number, _, _ in worker.timeline} == {1, 2, 3, 4}


class PausedBus(MemoryBus):
    """A bus that is unavailable while a step ends, for longer than the step's timeout."""

    def __init__(self) -> None:
        super().__init__()
        self.counted = 0
        self._available_at = 0.0

    @activity.defn
    async def count(self) -> int:
        self.counted += 1
        self._available_at = time.monotonic() + 3
        return self.counted

    async def publish(self, message: Message) -> int:
        if time.monotonic() < self._available_at:
            raise Unavailable("away")
        return await super().publish(message)


class LosingBus(MemoryBus):
    """A bus that loses the end of a step, as if the publishing process were killed."""

    def __init__(self) -> None:
        super().__init__()
        self.tries = 0

    async def publish(self, message: Message) -> int:
        if isinstance(message, Progress) and message.kind == "step_completed" and self.tries == 0:
            self.tries += 1
            await asyncio.sleep(60)
        return await super().publish(message)


async def test_a_lost_fact_of_a_step_is_published_before_the_end_of_the_run(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Once, activities=[PausedBus().count], bus=LosingBus()) as worker:
        await worker.ending((await worker.start("Once")).id)
        timeline = [(fact.sequence, fact.kind, fact.step) for fact in worker.progress]

    assert timeline == [
        (1, "started", None),
        (2, "step_started", "count"),
        (3, "step_completed", "count"),
        (4, "completed", None),
    ]


class RemadeBus(MemoryBus):
    """A bus whose stream of facts is made anew before the ending of a run is stored, and refuses it for a while.

    Attributes:
        tried: The endings that were to be published.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tried = asyncio.Queue[Progress]()
        self.refuses = True

    async def publish(self, message: Message) -> int:
        if isinstance(message, Progress) and message.kind == "completed":
            self.tried.put_nowait(message)
            if self.refuses:
                self._delete_where(lambda _: True)
                raise Unavailable("away")
        return await super().publish(message)


async def test_two_processes_that_publish_an_ending_at_once_publish_one(environment: WorkflowEnvironment) -> None:
    bus = RemadeBus()
    async with open_scripted_worker(
        environment, Once, activities=[PausedBus().count], bus=bus, cached_runs=10
    ) as worker:
        run = await worker.start("Once")
        await run.result()
        await bus.tried.get()
        bus.refuses = False
        assert await ClosedRuns(environment.client, bus, EndedRuns()).publish(run.id, run.result_run_id or "")
        assert {(await bus.tried.get()).sequence, (await bus.tried.get()).sequence} == {1, 4}

    assert [fact.kind for fact in worker.progress] == ["completed"]


@workflow.defn
class Once:
    @workflow.run
    async def run(self) -> int:
        return await workflow.execute_activity_method(
            PausedBus.count, start_to_close_timeout=timedelta(seconds=2), retry_policy=ONCE
        )
