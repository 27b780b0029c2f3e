"""A coroutine function of an author that blocks its thread harms no step of anybody else, and is named."""

import asyncio
import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar

import pytest
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.testing import WorkflowEnvironment

from perdure.contracts import Alert
from perdure.flow import Agent, Saga
from perdure.testing import WorkflowRunner
from tests.support.scripted_worker import open_scripted_worker

BLOCKED = 4.0  # seconds


async def block() -> str:
    """Do what no coroutine should do."""
    time.sleep(BLOCKED)  # noqa: ASYNC251 (that is the fault)
    return activity.info().activity_type


async def be_quick() -> str:
    """Return at once."""
    return "quick"


@activity.defn
async def beat() -> int:
    """Heartbeat for longer than the other blocks, and return the attempt."""
    until = time.monotonic() + BLOCKED + 0.5
    while time.monotonic() < until:
        activity.heartbeat()
        await asyncio.sleep(0.1)
    return activity.info().attempt


ended: list[str] = []


def take_a_thread() -> None:
    """Go on after a cancellation, which no thread notices."""
    time.sleep(2)
    ended.append("done")


async def clean_up() -> None:
    """Take its time to end after a cancellation."""
    try:
        await asyncio.sleep(60)
    finally:
        time.sleep(1)  # noqa: ASYNC251 (the fault again)
        ended.append("done")


def undo() -> None:
    """Undo either."""
    ended.append("undone")


@workflow.defn
class Undone:
    """Cancels itself within a step of a saga."""

    @workflow.run
    async def run(self, name: str) -> None:
        clerk = Agent("clerk", functions=[take_a_thread, clean_up, undo])
        async with Saga() as saga:
            step = asyncio.create_task(saga.run(getattr(clerk.tools, name), undo=clerk.tools.undo))
            await asyncio.sleep(0.5)
            step.cancel()
            await step


@pytest.mark.parametrize("name", ["take_a_thread", "clean_up"])
async def test_a_cancelled_function_has_ended_before_it_is_undone(run_workflow: WorkflowRunner, name: str) -> None:
    ended.clear()

    outcome = await run_workflow(Undone, name)

    assert outcome.error is not None
    assert ended == ["done", "undone"]


@workflow.defn
class Beside:
    """Calls a function that blocks beside a step that heartbeats."""

    @workflow.run
    async def run(self) -> list[object]:
        clerk = Agent("clerk", functions=[block, be_quick])
        beating = workflow.start_activity(
            beat,
            start_to_close_timeout=timedelta(seconds=30),
            heartbeat_timeout=timedelta(seconds=2),  # the SDK sends a heartbeat after four fifths of it
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        return [await clerk.tools.block(), await clerk.tools.be_quick(), await beating]


class Noticed(logging.Handler):
    """Keeps the warnings about the worker's loop."""

    warnings: ClassVar[list[str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "blocks the event loop of the worker" in record.getMessage():
            self.warnings.append(record.getMessage())


@activity.defn
async def hog() -> str:
    """Block the worker's own loop until that is noticed: an activity of an author, and no function of an agent."""
    known, until = len(Noticed.warnings), time.monotonic() + 30
    while len(Noticed.warnings) == known and time.monotonic() < until:
        time.sleep(0.05)  # noqa: ASYNC251 (that is the fault)
    return "done"


@pytest.fixture
def noticed() -> Iterator[list[str]]:
    """The warnings about the worker's loop, as they are logged."""
    handler, log = Noticed(logging.WARNING), logging.getLogger("perdure_orchestrator")
    Noticed.warnings.clear()
    log.addHandler(handler)
    yield Noticed.warnings
    log.removeHandler(handler)


@workflow.defn
class Hogging:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_activity(hog, start_to_close_timeout=timedelta(seconds=30))


@pytest.mark.asyncio(loop_scope="session")
async def test_a_coroutine_activity_that_blocks_its_worker_is_named_in_the_log_and_in_one_alert(
    environment: WorkflowEnvironment, noticed: list[str]
) -> None:
    async with open_scripted_worker(environment, Hogging, activities=[hog]) as worker, asyncio.timeout(90):
        results = [await (await worker.start("Hogging")).result() for _ in range(2)]
        while not any(isinstance(it, Alert) for it in worker.bus.published):
            await asyncio.sleep(0.05)

    alerts = [it for it in worker.bus.published if isinstance(it, Alert)]
    assert results == ["done", "done"]
    assert [it.title for it in alerts] == ["The activity hog blocks the event loop of its worker"]
    assert "test_blocking_functions.py:" in str(alerts[0].details)
    assert any("(hog)" in it and "the activity hog of Hogging-" in it for it in noticed)


async def test_heartbeats_go_on_while_a_function_blocks_and_the_log_names_its_line(
    run_workflow: WorkflowRunner, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        outcome = await run_workflow(Beside)

    assert outcome.result == ["call_function", "quick", 1]
    warnings = [it.getMessage() for it in caplog.records if "blocks the event loop of functions" in it.getMessage()]
    (warning,) = [it for it in warnings if "(block)" in it]  # a starved machine stops other code, too
    assert f"{__file__}:" in warning
