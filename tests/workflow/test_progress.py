import asyncio
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus
from perdure.contracts import Message, Progress
from perdure.errors import InvalidMessage
from perdure.flow import note
from tests.support.scripted_worker import open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOON = timedelta(seconds=5)
ONCE = RetryPolicy(maximum_attempts=1)


@activity.defn
async def double(number: int) -> int:
    return 2 * number


@activity.defn
async def stumble() -> str:
    if activity.info().attempt < 3:
        raise ValueError("not yet")
    return "at last"


@activity.defn
async def sleep_long() -> None:
    await asyncio.sleep(30)


@workflow.defn
class Doubling:
    @workflow.run
    async def run(self, number: int) -> int:
        number = await workflow.execute_activity(double, number, start_to_close_timeout=SOON)
        await note("half way")
        return await workflow.execute_local_activity(double, number, start_to_close_timeout=SOON)


@workflow.defn
class Parallel:
    @workflow.run
    async def run(self) -> list[int]:
        return list(
            await asyncio.gather(*(workflow.execute_activity(double, n, start_to_close_timeout=SOON) for n in range(3)))
        )


@workflow.defn
class Stumbling:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_activity(stumble, start_to_close_timeout=SOON)


@workflow.defn
class Broken:
    @workflow.run
    async def run(self) -> None:
        raise KeyError("a programming error")


@workflow.defn
class Losing:
    @workflow.run
    async def run(self) -> str:
        try:
            await workflow.execute_activity(sleep_long, start_to_close_timeout=timedelta(seconds=1), retry_policy=ONCE)
        except ActivityError:
            return "continued"
        return "not cancelled"


@workflow.defn
class Waiting:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)


async def test_a_run_publishes_its_progress_without_gaps_and_without_code_of_its_author(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Doubling, activities=[double]) as worker:
        run = await worker.start("Doubling", 2)

        assert await run.result() == 8
    assert worker.timeline == [
        (1, "started", None),
        (2, "step_started", "double"),
        (3, "step_completed", "double"),
        (4, "note", None),
        (5, "step_started", "double"),
        (6, "step_completed", "double"),
        (7, "completed", None),
    ]
    assert worker.progress[-1].result == 8
    assert {fact.event_id for fact in worker.progress} == {"e1"}


async def test_parallel_steps_share_the_sequence_without_gaps(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Parallel, activities=[double]) as worker:
        await (await worker.start("Parallel")).result()

    assert [number for number, _, _ in worker.timeline] == list(range(1, 9))


async def test_attempts_repeat_the_sequence_numbers_of_their_step(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Stumbling, activities=[stumble]) as worker:
        await (await worker.start("Stumbling")).result()

    attempts = [(fact.sequence, fact.kind, fact.attempt, fact.error) for fact in worker.progress if fact.step]
    assert attempts == [
        (2, "step_started", 1, None),
        (3, "step_failed", 1, "ValueError: not yet (tests/workflow/test_progress.py:31)"),
        (2, "step_started", 2, None),
        (3, "step_failed", 2, "ValueError: not yet (tests/workflow/test_progress.py:31)"),
        (2, "step_started", 3, None),
        (3, "step_completed", 3, None),
    ]


async def test_a_programming_error_fails_the_run_with_that_error(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Broken) as worker:
        with pytest.raises(WorkflowFailureError):
            await (await worker.start("Broken")).result()

    assert worker.progress[-1].kind == "failed"
    assert worker.progress[-1].error == "KeyError: 'a programming error' (tests/workflow/test_progress.py:69)"


async def test_input_of_the_wrong_shape_fails_the_run_instead_of_blocking_it(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Doubling, activities=[double]) as worker:
        run = await worker.start("Doubling", {"not": "a number"})

        with pytest.raises(WorkflowFailureError) as failed:
            await asyncio.wait_for(run.result(), 20)

    assert isinstance(failed.value.cause, ApplicationError)


async def test_a_step_that_times_out_leaves_no_gap(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Losing, activities=[sleep_long]) as worker:
        assert await (await worker.start("Losing")).result() == "continued"

    assert sorted({number for number, _, _ in worker.timeline}) == [1, 2, 3, 4]


async def test_progress_adds_at_most_one_local_activity_to_a_run_that_begins_with_a_step(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Parallel, activities=[double]) as worker:
        run = await worker.start("Parallel")
        await run.result()
        history = await run.fetch_history()

    assert sum(event.HasField("marker_recorded_event_attributes") for event in history.events) <= 1


async def test_a_run_ends_although_the_bus_refuses_its_result(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Doubling, activities=[double], bus=NarrowBus()) as worker:
        assert await (await worker.start("Doubling", 2)).result() == 8

    assert worker.progress[-1].kind == "completed"
    assert worker.progress[-1].result is None
    assert "too long" in str(worker.progress[-1].error)


class NarrowBus(MemoryBus):
    """A bus that refuses results."""

    async def publish(self, message: Message) -> int:
        if isinstance(message, Progress) and message.result is not None:
            raise InvalidMessage("too_large", "too long")
        return await super().publish(message)


async def test_a_cancelled_run_publishes_its_cancellation(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Waiting) as worker:
        run = await worker.start("Waiting")
        async for _ in worker.bus.subscribe("progress.>", replay=True):
            break
        await run.cancel()

        with pytest.raises(WorkflowFailureError):
            await run.result()

    assert [kind for _, kind, _ in worker.timeline] == ["started", "cancelled"]
