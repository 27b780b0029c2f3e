"""A run that Temporal starts again, as a retry or by cron, requests anew: no earlier decision counts for it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus
from perdure.contracts import ApprovalRequested, Message, Progress, Receipt
from perdure.flow import Approved, approval
from perdure.flow.publisher import EVENT_MEMO
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

AGAIN: dict[str, Any] = {
    "retry": {"retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=2)},
    "cron": {"cron_schedule": "* * * * *"},
}

AGAIN_TEXT = "and Temporal begins it again"
SECOND_END = {"retry": ("completed", "cat"), "cron": ("note", f"The run completed, {AGAIN_TEXT}")}


@workflow.defn
class PayOnce:
    """Pays after an approval; its first attempt may fail afterwards."""

    @workflow.run
    async def run(self, fails: bool) -> str:
        decision = await approval("Pay?")
        if fails and workflow.info().attempt == 1:
            raise ApplicationError("the bank was closed")
        return decision.by if isinstance(decision, Approved) else decision.outcome


@workflow.defn
class PayTwice:
    """Continues as new after its first approval; the first attempt of what continues it fails after the second."""

    @workflow.run
    async def run(self, by: list[str]) -> list[str]:
        decision = await approval("Pay?")
        assert isinstance(decision, Approved)
        if not by:
            workflow.continue_as_new([decision.by])
        if workflow.info().attempt == 1:
            raise ApplicationError("the bank was closed")
        return [*by, decision.by]


class EveryReceipt(MemoryBus):
    """A bus that also keeps the receipts that it drops as duplicates: JetStream knows an id for two minutes only."""

    def __init__(self) -> None:
        super().__init__()
        self.receipts: set[tuple[str, str, str | None]] = set()

    async def publish(self, message: Message) -> int:
        if isinstance(message, Receipt):
            self.receipts.add((message.decision_id.partition(".")[2], message.code, message.place))
        return await super().publish(message)


async def last_fact(worker: ScriptedWorker, run_id: str) -> Progress:
    """Wait for the last fact of a run: its ending, or that another run goes on for it."""
    async with asyncio.timeout(20):
        while True:
            for fact in worker.progress:
                if fact.run_id == run_id and (fact.kind == "completed" or AGAIN_TEXT in str(fact.result)):
                    return fact
            await asyncio.sleep(0.01)


async def start(worker: ScriptedWorker, how: str) -> WorkflowHandle[Any, Any]:
    return await worker.environment.client.start_workflow(
        "PayOnce", how == "retry", id=f"PayOnce-{how}", task_queue=worker.queue, **AGAIN[how]
    )


async def requests(worker: ScriptedWorker, count: int) -> list[ApprovalRequested]:
    async with asyncio.timeout(20):
        while len(found := [it for it in worker.bus.published if isinstance(it, ApprovalRequested)]) < count:
            await asyncio.sleep(0.01)
    return found


@pytest.mark.parametrize("how", AGAIN)
async def test_no_decision_counts_for_two_attempts(environment: WorkflowEnvironment, how: str) -> None:
    bus = EveryReceipt()
    async with open_scripted_worker(environment, PayOnce, bus=bus) as worker:
        run = await start(worker, how)
        await environment.sleep(timedelta(minutes=1))  # cron's first run begins with the next minute
        await requests(worker, 1)
        signed = worker.keys.sign(worker.decision(run, approver="ann"))
        first = await worker.publish_decision(signed)
        await worker.hand_over(run, first)
        await environment.sleep(timedelta(minutes=1))
        one, two = await requests(worker, 2)
        current = environment.client.get_workflow_handle(run.id)
        await worker.hand_over(current, first)  # redelivered
        await worker.hand_over(current, await worker.publish_decision(signed))  # captured, and published again
        await worker.decide(current, approver="bob", digest=one.digest)
        await worker.decide(current, approver="cat", digest=two.digest)
        first_end, second_end = await last_fact(worker, one.run_id), await last_fact(worker, two.run_id)

    assert (one.request_id, one.digest == two.digest) == (two.request_id, False)
    assert first_end.kind == "note"
    assert (second_end.kind, second_end.result) == SECOND_END[how]
    assert bus.receipts == {
        ("1.ann.n1", "accepted", None),
        ("1.ann.n1", "wrong_digest", "DECISIONS.1"),
        ("1.ann.n1", "replayed", "DECISIONS.2"),
        ("1.bob.n1", "wrong_digest", "DECISIONS.3"),
        ("1.cat.n1", "accepted", None),
    }


async def test_a_retry_of_a_continued_run_starts_with_the_state_that_was_carried_to_it(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, PayTwice) as worker:
        run = await environment.client.start_workflow(
            "PayTwice", [], id="PayTwice", task_queue=worker.queue, memo={EVENT_MEMO: "e1"}, **AGAIN["retry"]
        )
        for number, (who, request_id) in enumerate([("ann", "1"), ("bob", "2"), ("cat", "2")], 1):
            request = (await requests(worker, number))[-1]
            assert request.request_id == f"PayTwice.{request_id}"
            current = environment.client.get_workflow_handle(run.id)
            await worker.decide(current, approver=who, request_id=request.request_id, digest=request.digest)
            await environment.sleep(timedelta(seconds=5))

        assert await environment.client.get_workflow_handle(run.id).result() == ["ann", "cat"]
    assert {fact.event_id for fact in worker.progress} == {"e1"}
