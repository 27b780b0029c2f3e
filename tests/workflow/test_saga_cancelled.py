"""A saga that is cancelled undoes a step only once the step has ended, and no fact contradicts the worker's."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest_asyncio
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from perdure.flow import Agent, Saga
from perdure.testing import RunOutcome, WorkflowRunner

books: list[str] = []
"""What happened, oldest first; empty at the start of each test."""

running: asyncio.Event
may_end: asyncio.Event
may_go: asyncio.Event


@activity.defn
async def charge(order: str) -> str:
    running.set()
    try:
        await may_end.wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0.3)
        books.append(f"charge of {order} stopped")
        raise
    return f"charged {order}"


@activity.defn
async def charge_for_sure(order: str) -> str:
    running.set()
    try:
        await may_end.wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0.3)
    books.append(f"charged {order}")
    return f"receipt of {order}"


@activity.defn
async def refund(order: str, receipt: str | None) -> None:
    books.append(f"refunded {order}, {receipt}")


@activity.defn
async def hold() -> None:
    await may_go.wait()


@activity.defn
async def ship(order: str) -> None:
    if order == "whale":
        raise ApplicationError("nobody ships that", non_retryable=True)
    books.append(f"shipped {order}")


STEPS: list[Callable[..., Any]] = [charge, charge_for_sure, refund, hold, ship]


async def buy(order: str) -> str:
    """Buy something."""
    running.set()
    try:
        await may_end.wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0.3)
        books.append(f"purchase of {order} stopped")
        raise
    return order


async def give_back(order: str) -> None:
    """Give something back."""
    books.append(f"gave back {order}")


async def stay(order: str) -> None:
    """Fail, each time."""
    books.append(f"kept {order}")
    raise ValueError(f"nobody takes {order}")


@workflow.defn
class Charging:
    """Charges and ships; the undo gets the receipt."""

    @workflow.run
    async def run(self, order: str, step: str) -> None:
        async with Saga() as saga:
            await saga.run(step, order, undo=refund, undo_args=lambda receipt: (order, receipt))
            await saga.run(ship, order)


@workflow.defn
class Buying:
    """Buys by an agent's tool."""

    @workflow.run
    async def run(self, order: str) -> None:
        async with Agent("buyer", functions=[buy, give_back]) as buyer, Saga() as saga:
            await saga.run(buyer.tools.buy, order, undo=buyer.tools.give_back)


@workflow.defn
class Keeping:
    """Cannot undo what it did."""

    @workflow.run
    async def run(self, order: str) -> None:
        twice = RetryPolicy(maximum_attempts=2, initial_interval=timedelta(milliseconds=1))
        async with Agent("buyer", functions=[give_back, stay]) as buyer, Saga(undo_retry_policy=twice) as saga:
            await saga.run(buyer.tools.give_back, order, undo=buyer.tools.stay)
            await saga.run(ship, "whale")


@workflow.defn
class Leaving:
    """Does not wait for its step when it is cancelled."""

    @workflow.run
    async def run(self) -> str:
        try:
            return await workflow.execute_activity(charge_for_sure, "hat", start_to_close_timeout=timedelta(hours=1))
        finally:
            await workflow.execute_activity(hold, start_to_close_timeout=timedelta(hours=1))


@pytest_asyncio.fixture(autouse=True)
async def nothing_happened() -> None:
    global running, may_end, may_go
    books.clear()
    running, may_end, may_go = asyncio.Event(), asyncio.Event(), asyncio.Event()


async def cancelled_run(run_workflow: WorkflowRunner, workflow: type, *args: Any) -> RunOutcome:
    async with run_workflow.start(workflow, *args, activities=STEPS) as run:
        await running.wait()
        await run.cancel()
        return await run.outcome()


async def test_a_step_is_undone_only_once_its_cancellation_is_complete(run_workflow: WorkflowRunner) -> None:
    outcome = await cancelled_run(run_workflow, Charging, "hat", "charge")

    assert outcome.ending.kind == "cancelled"
    assert books == ["charge of hat stopped", "refunded hat, None"]


async def test_a_tool_is_undone_only_once_its_cancellation_is_complete(run_workflow: WorkflowRunner) -> None:
    outcome = await cancelled_run(run_workflow, Buying, "hat")

    assert outcome.ending.kind == "cancelled"
    assert books == ["purchase of hat stopped", "gave back hat"]


async def test_a_step_that_completes_all_the_same_is_undone_with_its_result_and_nothing_follows_it(
    run_workflow: WorkflowRunner,
) -> None:
    outcome = await cancelled_run(run_workflow, Charging, "hat", "charge_for_sure")

    assert outcome.ending.kind == "cancelled"
    assert books == ["charged hat", "refunded hat, receipt of hat"]
    assert [fact.kind for fact in outcome.progress if fact.step == "charge_for_sure"] == [
        "step_started",
        "step_completed",
    ]


async def test_an_undo_gets_the_result_of_its_step(run_workflow: WorkflowRunner) -> None:
    may_end.set()

    outcome = await run_workflow(Charging, "whale", "charge", activities=STEPS)

    assert str(outcome.error).startswith("nobody ships that (")
    assert books == ["refunded whale, charged whale"]


async def test_an_undo_by_a_tool_that_fails_again_and_again_ends_with_its_policy(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Keeping, "hat", activities=STEPS)

    assert books == ["gave back hat", "kept hat", "kept hat"]
    assert outcome.notes[-1] == "Could not undo: stay (nobody takes hat)"


async def test_a_run_does_not_contradict_the_worker_about_a_step_for_whose_end_it_did_not_wait(
    run_workflow: WorkflowRunner,
) -> None:
    async with run_workflow.start(Leaving, activities=STEPS) as run:
        await running.wait()
        await run.cancel()
        await run.wait_for("step_started", "hold")
        may_end.set()
        await run.wait_for("step_completed", "charge_for_sure")
        may_go.set()
        outcome = await run.outcome()

    assert outcome.ending.kind == "cancelled"
    assert [fact.kind for fact in outcome.progress if fact.step == "charge_for_sure"] == [
        "step_started",
        "step_completed",
    ]
