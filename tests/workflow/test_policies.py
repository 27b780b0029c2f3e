"""Policies as runs live by them: quorum, reminders, escalation, silence, and proof of what is then done."""

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
from perdure.flow.approvals_host import DECISION_SIGNAL
from perdure.flow.ballot import ReceivedDecision
from perdure.testing import WorkflowRunner
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

LADDER = [Escalation(after="3h", roles=("lead",)), Escalation(after="5h", people=("boss",), instead=True)]


@workflow.defn
class Paying:
    """Pays what was approved, or what it was told to pay."""

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
    """Asks two at once; the first answer will do."""

    @workflow.run
    async def run(self) -> str:
        questions = [asyncio.create_task(approval(title)) for title in ("Left?", "Right?")]
        await workflow.wait(questions, return_when=asyncio.FIRST_COMPLETED)
        for question in questions:
            question.cancel()
        answers = await asyncio.gather(*questions, return_exceptions=True)
        await asyncio.sleep(60)
        return ", ".join(answer.by for answer in answers if isinstance(answer, Approved | Rejected))


@workflow.defn
class Everyone:
    @workflow.run
    async def run(self) -> list[str]:
        return [answer.outcome for answer in await asyncio.gather(approval("Left?"), approval("Right?"))]


def heard(stage: ScriptedWorker, *kinds: type[Message]) -> list[Any]:
    return [message for message in stage.bus.published if isinstance(message, kinds)]


async def requests(stage: ScriptedWorker, count: int) -> list[ApprovalRequested]:
    async with asyncio.timeout(20):
        while len(found := heard(stage, ApprovalRequested)) < count:
            await asyncio.sleep(0.01)
    return found


async def test_what_was_approved_is_done_and_nothing_else(run_workflow: WorkflowRunner) -> None:
    same = await run_workflow(Paying, 5, 5, answers={"Pay?": "approve"})
    other = await run_workflow(Paying, 5, 500, answers={"Pay?": "approve"})

    assert same.result == "paid 5, reviewer agreed"
    assert (other.ending.kind, other.error) == ("failed", "What is about to be done is not what was approved.")


async def test_the_operator_says_how_many_must_approve(run_workflow: WorkflowRunner) -> None:
    policies = {"Paying": {"quorum": 2}, "*": {"quorum": 3}}

    outcome = await run_workflow(
        Paying, 5, 5, answers={"Pay?": "approve"}, settings={"approvals": {"policies": policies}}
    )

    assert outcome.result == "paid 5, reviewer, reviewer 2 agreed"


async def test_who_does_not_answer_is_reminded_then_others_are_asked_and_silence_means_what_was_said(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Reminding) as stage:
        result = await (await stage.start("Reminding")).result()

    told = heard(stage, ApprovalReminded, ApprovalEscalated, ApprovalExpired)
    assert [(type(it).__name__[8:], getattr(it, "count", it.type)) for it in told] == [
        ("Reminded", 1),
        ("Escalated", 1),
        ("Reminded", 2),
        ("Escalated", 2),
        ("Expired", "approvals.expired"),
    ]
    assert [it.to for it in told if isinstance(it, ApprovalEscalated)] == [("lead",), ("boss",)]
    assert told[-1].silence == "approve"
    assert result == ["", "nobody objected"]


async def test_the_first_of_several_will_do_and_the_others_are_closed(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Anyone) as stage:
        run = await stage.start("Anyone")
        left, right = await requests(stage, 2)
        await stage.decide(run, request_id=right.request_id, digest=right.digest, approver="bob")

        assert await run.result() == "bob"
    (closed,) = heard(stage, ApprovalExpired)
    assert (closed.request_id, closed.reason) == (left.request_id, "the run no longer asks this")


async def test_several_may_all_be_waited_for(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Everyone) as stage:
        run = await stage.start("Everyone")
        left, right = await requests(stage, 2)
        await stage.decide(run, request_id=right.request_id, digest=right.digest, nonce="r", decision="reject")
        await stage.decide(run, request_id=left.request_id, digest=left.digest, nonce="l")

        assert await run.result() == ["approved", "rejected"]


async def test_a_decision_that_is_sent_again_is_told_to_be_a_replay(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Everyone) as stage:
        run = await stage.start("Everyone")
        left, right = await requests(stage, 2)
        decision = stage.decision(run, request_id=left.request_id, digest=left.digest, nonce="l")
        for place in ("DECISIONS.1", "DECISIONS.1", "DECISIONS.2"):
            arrived = ReceivedDecision(decision_id="l", decision=decision, place=place)
            await run.signal(DECISION_SIGNAL, arrived)
        await stage.decide(run, request_id=right.request_id, digest=right.digest, nonce="r")
        await run.result()

    codes = sorted((receipt.decision_id, receipt.code) for receipt in heard(stage, Receipt))
    assert codes == [("l", "accepted"), ("l", "replayed"), ("r", "accepted")]
