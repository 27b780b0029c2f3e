"""Policies in runs: quorum, reminders, escalation, silence, and the check that only the approved action is done."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment

from perdure.contracts import (
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
    Message,
    Policy,
    Receipt,
)
from perdure.flow import Approved, Escalation, Rejected, approval
from perdure.testing import WorkflowRunner
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

LADDER = [Escalation(after="3h", roles=("lead",)), Escalation(after="5h", people=("boss",), instead=True)]


@workflow.defn
class Paying:
    """Requests approval of one amount and pays another, or the same."""

    @workflow.run
    async def run(self, approved: int, paid: int) -> str:
        decision = await approval("Pay?", action={"pay": approved})
        if not isinstance(decision, Approved):
            return decision.outcome
        decision.authorises({"pay": paid})
        return f"paid {paid}, {decision.by} agreed"


@workflow.defn
class Reminding:
    @workflow.run
    async def run(self) -> list[str]:
        decision = await approval(
            "Well?",
            policy=Policy(people=("ann",), silence="approve"),
            timeout=timedelta(hours=6),
            remind_every=timedelta(hours=2),
            escalate=LADDER,
        )
        assert isinstance(decision, Approved)
        return [decision.by, decision.comment]


@workflow.defn
class Anyone:
    """Opens two requests at once and waits for the first decision."""

    @workflow.run
    async def run(self) -> str:
        requests = [asyncio.create_task(approval(title)) for title in ("Left?", "Right?")]
        await workflow.wait(requests, return_when=asyncio.FIRST_COMPLETED)
        for request in requests:
            request.cancel()
        outcomes = await asyncio.gather(*requests, return_exceptions=True)
        await asyncio.sleep(60)
        return ", ".join(it.by for it in outcomes if isinstance(it, Approved | Rejected))


@workflow.defn
class Everyone:
    @workflow.run
    async def run(self) -> list[str]:
        return [it.outcome for it in await asyncio.gather(approval("Left?"), approval("Right?"))]


def published(worker: ScriptedWorker, *kinds: type[Message]) -> list[Any]:
    return [message for message in worker.bus.published if isinstance(message, kinds)]


async def requests(worker: ScriptedWorker, count: int) -> list[ApprovalRequested]:
    async with asyncio.timeout(20):
        while len(found := published(worker, ApprovalRequested)) < count:
            await asyncio.sleep(0.01)
    return found


async def test_only_the_approved_action_is_done(run_workflow: WorkflowRunner) -> None:
    same = await run_workflow(Paying, 5, 5, answers={"Pay?": "approve"})
    other = await run_workflow(Paying, 5, 500, answers={"Pay?": "approve"})

    assert same.result == "paid 5, reviewer agreed"
    assert other.ending.kind == "failed"
    assert str(other.error).startswith("What is about to be done is not what was approved. (")


async def test_the_operator_sets_the_quorum(run_workflow: WorkflowRunner) -> None:
    policies = {"Paying": {"quorum": 2}, "*": {"quorum": 3}}

    outcome = await run_workflow(
        Paying, 5, 5, answers={"Pay?": "approve"}, settings={"approvals": {"policies": policies}}
    )

    assert outcome.result == "paid 5, reviewer, reviewer 2 agreed"


async def test_approvers_are_reminded_then_the_request_escalates_and_silence_decides_as_configured(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Reminding) as worker:
        result = await (await worker.start("Reminding")).result()

    messages = published(worker, ApprovalReminded, ApprovalEscalated, ApprovalExpired)
    assert [(type(it).__name__[8:], getattr(it, "count", it.type)) for it in messages] == [
        ("Reminded", 1),
        ("Escalated", 1),
        ("Reminded", 2),
        ("Escalated", 2),
        ("Expired", "approvals.expired"),
    ]
    assert [it.to for it in messages if isinstance(it, ApprovalEscalated)] == [("lead",), ("boss",)]
    assert messages[-1].silence == "approve"
    assert result == ["", "nobody objected"]


async def test_a_run_may_wait_for_the_first_of_several_requests_and_the_others_are_closed(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Anyone) as worker:
        run = await worker.start("Anyone")
        left, right = await requests(worker, 2)
        await worker.decide(run, request_id=right.request_id, digest=right.digest, approver="bob")

        assert await run.result() == "bob"
    (closed,) = published(worker, ApprovalExpired)
    assert (closed.request_id, closed.reason) == (left.request_id, "the run closed this request")


async def test_a_run_may_wait_for_several_requests(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Everyone) as worker:
        run = await worker.start("Everyone")
        left, right = await requests(worker, 2)
        await worker.decide(run, request_id=right.request_id, digest=right.digest, nonce="r", decision="reject")
        await worker.decide(run, request_id=left.request_id, digest=left.digest, nonce="l")

        assert await run.result() == ["approved", "rejected"]


async def test_a_decision_published_again_is_refused_as_a_replay(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Everyone) as worker:
        run = await worker.start("Everyone")
        left, right = await requests(worker, 2)
        decision = worker.keys.sign(worker.decision(run, request_id=left.request_id, digest=left.digest, nonce="l"))
        first, again = [await worker.publish_decision(decision) for _ in range(2)]
        for received in (first, first, again):
            await worker.hand_over(run, received)
        await worker.decide(run, request_id=right.request_id, digest=right.digest, nonce="r")
        await run.result()

    codes = sorted((receipt.decision_id.rpartition(".")[2], receipt.code) for receipt in published(worker, Receipt))
    assert codes == [("l", "accepted"), ("l", "replayed"), ("r", "accepted")]
