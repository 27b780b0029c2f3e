import asyncio
import time
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus
from perdure.contracts import Message, Progress
from perdure.errors import InvalidMessage, Unavailable
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
            return "went on"
        return "strange"


@workflow.defn
class Waiting:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)


async def test_a_run_tells_its_story_without_gaps_and_without_a_word_of_its_author(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Doubling, activities=[double]) as stage:
        run = await stage.start("Doubling", 2)

        assert await run.result() == 8
    assert stage.story == [
        (1, "started", None),
        (2, "step_started", "double"),
        (3, "step_completed", "double"),
        (4, "note", None),
        (5, "step_started", "double"),
        (6, "step_completed", "double"),
        (7, "completed", None),
    ]
    assert stage.progress[-1].result == 8
    assert {fact.event_id for fact in stage.progress} == {"e1"}


async def test_steps_side_by_side_share_the_numbers_without_gaps(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Parallel, activities=[double]) as stage:
        await (await stage.start("Parallel")).result()

    assert [number for number, _, _ in stage.story] == list(range(1, 9))


async def test_attempts_repeat_the_numbers_of_their_step(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Stumbling, activities=[stumble]) as stage:
        await (await stage.start("Stumbling")).result()

    told = [(fact.sequence, fact.kind, fact.attempt, fact.error) for fact in stage.progress if fact.step]
    assert told == [
        (2, "step_started", 1, None),
        (3, "step_failed", 1, "ValueError: not yet"),
        (2, "step_started", 2, None),
        (3, "step_failed", 2, "ValueError: not yet"),
        (2, "step_started", 3, None),
        (3, "step_completed", 3, None),
    ]


async def test_a_programming_error_fails_the_run_and_says_what_it_was(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Broken) as stage:
        with pytest.raises(WorkflowFailureError):
            await (await stage.start("Broken")).result()

    assert stage.progress[-1].kind == "failed"
    assert stage.progress[-1].error == "KeyError: 'a programming error'"


async def test_input_of_the_wrong_shape_fails_the_run_and_does_not_hang_it(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Doubling, activities=[double]) as stage:
        run = await stage.start("Doubling", {"not": "a number"})

        with pytest.raises(WorkflowFailureError) as failed:
            await asyncio.wait_for(run.result(), 20)

    assert isinstance(failed.value.cause, ApplicationError)


async def test_a_step_that_nobody_could_end_leaves_no_gap(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Losing, activities=[sleep_long]) as stage:
        assert await (await stage.start("Losing")).result() == "went on"

    assert sorted({number for number, _, _ in stage.story}) == [1, 2, 3, 4]


async def test_progress_costs_a_run_that_begins_with_a_step_one_local_activity(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Parallel, activities=[double]) as stage:
        run = await stage.start("Parallel")
        await run.result()
        history = await run.fetch_history()

    assert sum(event.HasField("marker_recorded_event_attributes") for event in history.events) <= 1


async def test_a_result_that_the_bus_cannot_carry_does_not_keep_the_run_from_ending(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Doubling, activities=[double], bus=NarrowBus()) as stage:
        assert await (await stage.start("Doubling", 2)).result() == 8

    assert stage.progress[-1].kind == "completed"
    assert stage.progress[-1].result is None
    assert "too long" in str(stage.progress[-1].error)


class NarrowBus(MemoryBus):
    """Carries no results."""

    async def publish(self, message: Message) -> int:
        if isinstance(message, Progress) and message.result is not None:
            raise InvalidMessage("too_large", "too long")
        return await super().publish(message)


async def test_a_step_that_the_bus_does_not_hear_of_is_not_run_again(environment: WorkflowEnvironment) -> None:
    bus = PausedBus()
    async with open_scripted_worker(environment, Once, activities=[bus.count], bus=bus) as stage:
        run = await stage.start("Once")
        result = await run.result()
        async for heard in bus.subscribe("progress.>", replay=True):
            if heard.sequence == 4:
                break

    assert (result, bus.counted) == (1, 1)
    assert {number for number, _, _ in stage.story} == {1, 2, 3, 4}


class PausedBus(MemoryBus):
    """Is away while a step ends, for longer than the step may take, and then comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.counted = 0
        self._back = 0.0

    @activity.defn
    async def count(self) -> int:
        self.counted += 1
        self._back = time.monotonic() + 3
        return self.counted

    async def publish(self, message: Message) -> int:
        if time.monotonic() < self._back:
            raise Unavailable("away")
        return await super().publish(message)


class LosingBus(MemoryBus):
    """A bus that loses the end of a step for ever, as when the process that wanted to say it is killed."""

    def __init__(self) -> None:
        super().__init__()
        self.tries = 0

    async def publish(self, message: Message) -> int:
        if isinstance(message, Progress) and message.kind == "step_completed" and self.tries == 0:
            self.tries += 1
            await asyncio.sleep(60)
        return await super().publish(message)


async def test_what_was_never_said_of_a_step_is_said_before_the_end(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Once, activities=[PausedBus().count], bus=LosingBus()) as stage:
        await (await stage.start("Once")).result()
        story = [(fact.sequence, fact.kind, fact.step) for fact in stage.progress]

    assert story == [
        (1, "started", None),
        (2, "step_started", "count"),
        (3, "step_completed", "count"),
        (4, "completed", None),
    ]


@workflow.defn
class Once:
    @workflow.run
    async def run(self) -> int:
        return await workflow.execute_activity_method(
            PausedBus.count, start_to_close_timeout=timedelta(seconds=2), retry_policy=ONCE
        )


async def test_a_cancelled_run_says_so(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Waiting) as stage:
        run = await stage.start("Waiting")
        async for _ in stage.bus.subscribe("progress.>", replay=True):
            break
        await run.cancel()

        with pytest.raises(WorkflowFailureError):
            await run.result()

    assert [kind for _, kind, _ in stage.story] == ["started", "cancelled"]
