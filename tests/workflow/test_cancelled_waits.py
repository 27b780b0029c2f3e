"""A cancellation while a run waits leaves no request open and no fact unpublished; other waits continue."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from perdure.contracts import ApprovalDecided, ApprovalExpired, Receipt
from perdure.flow import Saga, approval, note
from perdure.flow.run import Run
from tests.support.gated_bus import Gate, GatedBus
from tests.support.scripted_worker import open_scripted_worker

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

SOON = timedelta(minutes=1)
QUICK = timedelta(seconds=2)  # a workflow task that waits longer for the bus times out and is retried

done: list[str] = []
"""The effects of steps, oldest first; empty at the start of each test."""


@pytest.fixture(autouse=True)
def no_effects() -> None:
    done.clear()


@activity.defn
async def mark(what: str) -> None:
    done.append(what)


async def ended(run: WorkflowHandle[Any, Any]) -> str:
    """Wait for the end of a run, and return its result or its failure as text."""
    try:
        return str(await run.result())
    except WorkflowFailureError as error:
        return repr(error.cause)


@workflow.defn
class UndoesWithApproval:
    @workflow.run
    async def run(self) -> None:
        async with Saga() as saga:
            await saga.run(mark, "reserved", undo=mark, undo_args=("released",))
            await saga.run(mark, "paid", undo=self.refund, undo_args=())
            raise ApplicationError("no", non_retryable=True)

    async def refund(self) -> None:
        await approval("Refund?", remind_every=timedelta(days=1))
        await workflow.execute_activity(mark, "refunded", start_to_close_timeout=SOON)


async def test_the_approval_request_of_an_undo_stays_open_although_its_run_is_cancelled(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, UndoesWithApproval, activities=[mark]) as worker:
        run = await worker.start("UndoesWithApproval")
        request = await worker.approval_request()
        await run.cancel()
        await asyncio.sleep(1)
        await worker.decide(run, digest=request.digest)
        await ended(run)

    assert done == ["reserved", "paid", "refunded", "released"]
    assert [it.decision for it in worker.bus.published if isinstance(it, ApprovalDecided)] == ["approve"]


@workflow.defn
class HandlesWithApproval:
    def __init__(self) -> None:
        self._decided = False

    @workflow.run
    async def run(self) -> None:
        try:
            await workflow.sleep(timedelta(days=1))
        except asyncio.CancelledError:
            await workflow.wait_condition(workflow.all_handlers_finished)
            raise

    @workflow.signal
    async def request(self) -> None:
        await approval("Sure?")
        done.append("decided")
        self._decided = True

    @workflow.signal
    async def wait(self) -> None:
        await workflow.wait_condition(lambda: self._decided)


async def test_the_approval_request_of_a_handler_stays_open_although_its_run_is_cancelled(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, HandlesWithApproval) as worker:
        run = await worker.start("HandlesWithApproval")
        await run.signal("wait")
        await run.signal("request")
        request = await worker.approval_request()
        await run.cancel()
        await asyncio.sleep(1)
        await worker.decide(run, digest=request.digest)
        await ended(run)

    assert set(done) == {"decided"}
    assert worker.timeline[-1][1] == "cancelled"


@workflow.defn
class GivesUpLate:
    @workflow.run
    async def run(self) -> None:
        async with Saga() as saga:
            await saga.run(mark, "paid", undo="hold", undo_args=())
            await approval("Sure?", timeout=timedelta(seconds=2))


async def test_a_cancellation_while_a_run_confirms_silence_withdraws_the_request(
    environment: WorkflowEnvironment,
) -> None:
    waiting, undoing = Gate(), Gate()
    bus = GatedBus(waiting)
    async with open_scripted_worker(environment, GivesUpLate, activities=[mark, undoing.hold], bus=bus) as worker:
        run = await worker.start("GivesUpLate", task_timeout=QUICK)
        request = await worker.approval_request()
        await waiting.reached.wait()
        await run.cancel()
        await undoing.reached.wait()
        await worker.decide(run, digest=request.digest, stored_at=request.opened_at)
        undoing.opened.set()
        await ended(run)
        waiting.opened.set()

    assert [type(it) for it in bus.published if isinstance(it, ApprovalDecided | ApprovalExpired)] == [ApprovalExpired]
    assert [it.code for it in bus.published if isinstance(it, Receipt)] == ["no_longer_asked"]


@workflow.defn
class ContinuesAsNew:
    @workflow.run
    async def run(self, anew: bool) -> None:
        if anew:
            publisher = Run.current().publisher
            publisher.publish_soon([publisher.fact("note", result="before")])
            for _ in range(3):
                await asyncio.sleep(0)
            workflow.continue_as_new(args=[False])


async def test_pending_facts_are_published_although_a_run_is_cancelled_as_it_continues_as_new(
    environment: WorkflowEnvironment,
) -> None:
    gate = Gate()
    bus = GatedBus(gate, kind="note")
    async with open_scripted_worker(environment, ContinuesAsNew, bus=bus) as worker:
        run = await worker.start("ContinuesAsNew", True, task_timeout=QUICK)
        await gate.reached.wait()
        await run.cancel()
        await asyncio.sleep(QUICK.total_seconds() * 2)
        gate.opened.set()
        await ended(run)

    assert "before" in [fact.result for fact in worker.progress]
    assert worker.timeline[-1][1] == "cancelled"


@workflow.defn
class StopsTwice:
    @workflow.run
    async def run(self) -> None:
        self._task = asyncio.current_task()
        self._request = asyncio.create_task(approval("Sure?"))  # its end is published with the run's
        await workflow.sleep(timedelta(days=1))

    @workflow.signal
    def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()


async def test_a_run_that_is_cancelled_repeatedly_publishes_its_end(environment: WorkflowEnvironment) -> None:
    gate = Gate()
    bus = GatedBus(gate, kind="approvals.expired")
    async with open_scripted_worker(environment, StopsTwice, bus=bus) as worker:
        run = await worker.start("StopsTwice", task_timeout=QUICK)
        await asyncio.sleep(0.5)  # until it has begun, so that the signal has a task to cancel
        await run.cancel()
        await gate.reached.wait()
        for _ in range(2):
            await run.signal("stop")
            await asyncio.sleep(QUICK.total_seconds() * 2)
        gate.opened.set()
        await ended(run)

    assert worker.timeline[-1][1] == "cancelled"


@workflow.defn
class LeavesARequest:
    @workflow.run
    async def run(self) -> None:
        await asyncio.wait([asyncio.create_task(approval("Sure?"))], timeout=2)


async def test_a_run_that_ends_as_its_request_is_decided_publishes_its_end_last(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, LeavesARequest) as worker:
        run = await worker.start("LeavesARequest")
        request = await worker.approval_request()
    await asyncio.sleep(4)
    await worker.decide(run, digest=request.digest)
    async with open_scripted_worker(
        environment, LeavesARequest, queue=worker.queue, bus=worker.bus, approvers=worker.keys
    ):
        await ended(run)

    assert worker.timeline[-1][1] == "completed"


@workflow.defn
class Handles:
    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(workflow.all_handlers_finished)
        return "all handled"

    @workflow.signal
    async def write_note(self) -> None:
        await note("hi")

    @workflow.signal
    async def do(self) -> None:
        await workflow.execute_activity(mark, "done", start_to_close_timeout=SOON)


@pytest.mark.parametrize("signal", ["write_note", "do"])
async def test_a_signal_that_comes_with_the_start_is_handled_by_the_run(
    environment: WorkflowEnvironment, signal: str
) -> None:
    async with open_scripted_worker(environment, Handles, activities=[mark]) as worker:
        run = await environment.client.start_workflow(
            "Handles", id=uuid4().hex, task_queue=worker.queue, start_signal=signal
        )
        assert await ended(run) == "all handled"
