"""A saga undoes its steps in reverse order when a later step fails, and reports what it could not undo."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from perdure.flow import Saga
from perdure.testing import WorkflowRunner

TWICE = RetryPolicy(maximum_attempts=2)

books: list[str] = []
"""The executed steps, oldest first; empty at the start of each test."""


lingering, released = asyncio.Event(), asyncio.Event()


@activity.defn
async def reserve(order: str) -> str:
    books.append(f"reserve {order}")
    return f"reservation of {order}"


@activity.defn
async def release(order: str) -> None:
    books.append(f"release {order}")


@activity.defn
async def pay(order: str) -> None:
    books.append(f"pay {order}")
    if order == "too dear":
        raise ApplicationError("the card was declined", non_retryable=True)


@activity.defn
async def refund(order: str) -> None:
    if order == "stuck":
        raise ValueError("the bank is closed")
    books.append(f"refund {order}")


@activity.defn
async def ship(order: str) -> None:
    if order != "fine":
        raise ApplicationError("nobody ships that", non_retryable=True)
    books.append(f"ship {order}")


@activity.defn
async def linger() -> None:
    lingering.set()
    await released.wait()


STEPS: list[Callable[..., Any]] = [reserve, release, pay, refund, ship, linger]


@workflow.defn
class Ordering:
    @workflow.run
    async def run(self, order: str) -> str:
        async with Saga(retry_policy=TWICE, undo_retry_policy=TWICE) as saga:
            reserved = await saga.run(reserve, order, undo=release)
            await saga.run(pay, order, undo=refund)
            if order == "slow":
                await saga.run(linger)
            await saga.run(ship, order)
        return str(reserved)


@pytest.fixture(autouse=True)
def empty_books() -> None:
    books.clear()


async def test_a_saga_that_succeeds_undoes_nothing(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Ordering, "fine", activities=STEPS)

    assert outcome.result == "reservation of fine"
    assert books == ["reserve fine", "pay fine", "ship fine"]


async def test_a_failure_undoes_the_completed_steps_in_reverse_order(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Ordering, "whale", activities=STEPS)

    assert outcome.ending.kind == "failed"
    assert str(outcome.error).startswith("nobody ships that (")
    assert books == ["reserve whale", "pay whale", "refund whale", "release whale"]


async def test_the_failed_step_is_undone_too_because_it_may_have_had_its_effect(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Ordering, "too dear", activities=STEPS)

    assert str(outcome.error).startswith("the card was declined (")
    assert books[-2:] == ["refund too dear", "release too dear"]


async def test_a_cancellation_undoes_the_steps_and_does_not_stop_the_undoing(run_workflow: WorkflowRunner) -> None:
    async with run_workflow.start(Ordering, "slow", activities=STEPS) as run:
        await lingering.wait()
        await run.cancel()
        outcome = await run.outcome()
        released.set()

    assert outcome.ending.kind == "cancelled"
    assert books == ["reserve slow", "pay slow", "refund slow", "release slow"]


async def test_a_failed_undo_is_reported_and_the_other_steps_are_undone(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Ordering, "stuck", activities=STEPS)

    assert books == ["reserve stuck", "pay stuck", "release stuck"]
    assert str(outcome.error).startswith("nobody ships that. Not undone: refund (the bank is closed) (")
    assert outcome.notes == ["Could not undo: refund (the bank is closed)"]
