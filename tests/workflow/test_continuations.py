"""A run that continues as new lets its handlers finish first, and takes Perdure's state along in every way."""

import asyncio
from datetime import timedelta

import pytest
from temporalio import activity, workflow

from perdure.flow import Agent, renew_when_long
from perdure.flow.mcp_agent import workflow as program
from perdure.testing import WorkflowRunner

DONE: list[str] = []


@activity.defn
async def book(what: str) -> None:
    DONE.append(what)


@workflow.defn
class Booking:
    """Books what signals and updates bring, and continues as new when one of them says so."""

    def __init__(self) -> None:
        self._renews = False
        self._freed = False

    @workflow.run
    async def run(self, how: str, parts: int) -> str:
        if parts > 0:
            await workflow.wait_condition(lambda: self._renews)
            if how == "helper":
                await renew_when_long(how, parts - 1, longest=1)
            workflow.continue_as_new(args=[how, parts - 1])
        return "done"

    @workflow.signal
    async def order(self, what: str) -> None:
        await self._book(what)

    @workflow.update
    async def order_now(self, what: str) -> str:
        await self._book(what)
        return f"booked {what}"

    async def _book(self, what: str) -> None:
        self._renews = True
        await workflow.sleep(60)
        await workflow.execute_activity(book, what, start_to_close_timeout=timedelta(seconds=10))

    @workflow.signal
    async def wait_for_ever(self) -> None:
        self._renews = True
        await workflow.wait_condition(lambda: self._freed)

    @workflow.signal(unfinished_policy=workflow.HandlerUnfinishedPolicy.ABANDON)
    async def watch(self) -> None:
        self._renews = True
        await workflow.wait_condition(lambda: self._freed)


@pytest.mark.parametrize("how", ["helper", "plain"])
async def test_a_handler_that_runs_finishes_before_the_run_continues(run_workflow: WorkflowRunner, how: str) -> None:
    DONE.clear()
    async with run_workflow.start(Booking, how, 1) as run:
        update = asyncio.create_task(run.update("order_now", "a bed"))
        await run.signal("order", "a table")
        outcome = await run.outcome()

        assert await update == "booked a bed"
    assert outcome.result == "done"
    assert sorted(DONE) == ["a bed", "a table"]


@pytest.mark.filterwarnings("ignore:.TMPRL1102")  # temporalio warns of it, too
async def test_a_handler_that_never_finishes_is_noted_by_its_name(run_workflow: WorkflowRunner) -> None:
    async with run_workflow.start(Booking, "plain", 1) as run:
        await run.signal("wait_for_ever")
        outcome = await run.outcome()

    assert outcome.result == "done"
    assert outcome.notes == [
        "The run continues as new, and its handlers have not finished within 0:10:00: wait_for_ever"
    ]


async def test_a_handler_that_may_be_left_is_not_waited_for(run_workflow: WorkflowRunner) -> None:
    async with run_workflow.start(Booking, "plain", 1) as run:
        await run.signal("watch")
        outcome = await run.outcome()

    assert (outcome.result, outcome.notes) == ("done", [])


@workflow.defn
class Counting:
    """Asks a model in each part; a signal's handler continues it as new."""

    @workflow.run
    async def run(self, parts: int) -> list[str]:
        await Agent("counter").llm.generate_str(f"part {parts}")
        if parts > 0:
            await workflow.wait_condition(lambda: False)
        return [await program.signal_wait("page") for _ in range(2)]

    @workflow.signal
    async def again(self, parts: int) -> None:
        workflow.continue_as_new(parts)


async def test_a_handler_that_continues_the_run_as_new_carries_its_state(run_workflow: WorkflowRunner) -> None:
    async with run_workflow.start(Counting, 1, model=lambda _: "one") as run:
        await run.signal("page", "first")
        await run.wait_for("step_completed")
        await run.signal("again", 0)
        await run.signal("page", "second")
        outcome = await run.outcome()

    assert outcome.result == ["first", "second"]
    assert outcome.ending.usage is not None
    assert outcome.ending.usage.total.requests == 2
