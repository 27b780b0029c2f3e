"""Each request of a chain of runs is another one: no decision counts for two, and late ones get their receipts."""

import asyncio
from typing import Any

import pytest
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment

from perdure.contracts import ApprovalRequested, Decision, Receipt, RunUsage
from perdure.flow import Approved, approval, renew_when_long
from perdure.flow.facts import CARRIED_STATE_MEMO, CarriedState
from perdure.flow.publisher import EVENT_MEMO
from perdure.voting.ballot import ReceivedDecision
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOW = pytest.mark.parametrize("how", ["plainly", "with a memo", "when long"])


@workflow.defn
class PayTwice:
    """Requests the same approval in each of two runs."""

    @workflow.run
    async def run(self, how: str, by: list[str]) -> list[str]:
        decision = await approval("Pay?")
        by.append(decision.by if isinstance(decision, Approved) else decision.outcome)
        if len(by) == 1 and how == "when long":
            await renew_when_long(how, by, longest=1)
        if len(by) == 1:
            workflow.continue_as_new(args=[how, by], memo={"mine": 1} if how == "with a memo" else None)
        return by


async def requests(worker: ScriptedWorker, count: int) -> list[ApprovalRequested]:
    async with asyncio.timeout(20):
        while len(found := [it for it in worker.bus.published if isinstance(it, ApprovalRequested)]) < count:
            await asyncio.sleep(0.01)
    return found


def receipts(worker: ScriptedWorker) -> list[tuple[str, str, str | None]]:
    found = [it for it in worker.bus.published if isinstance(it, Receipt)]
    return [(it.decision_id.partition(".")[2], it.code, it.place) for it in found]


@HOW
async def test_no_decision_counts_for_two_requests_and_late_ones_have_receipts(
    environment: WorkflowEnvironment, how: str
) -> None:
    async with open_scripted_worker(environment, PayTwice) as worker:
        run = await worker.start("PayTwice", how, [])
        await worker.approval_request()
        signed = worker.keys.sign(worker.decision(run, approver="ann"))
        first = await worker.publish_decision(signed)
        await worker.hand_over(run, first)
        _, second = await requests(worker, 2)
        await worker.hand_over(run, first)  # redelivered
        await worker.hand_over(run, await worker.publish_decision(signed))  # captured, and published again
        await worker.decide(run, approver="bob")  # late
        await worker.decide(run, approver="cat", request_id=second.request_id)

        assert await environment.client.get_workflow_handle(run.id).result() == ["ann", "cat"]
    assert second.request_id == f"{run.id}.2"
    assert sorted(receipts(worker)) == [
        ("1.ann.n1", "accepted", None),
        ("1.ann.n1", "no_longer_asked", "DECISIONS.2"),
        ("1.bob.n1", "no_longer_asked", "DECISIONS.3"),
        ("2.cat.n1", "accepted", None),
    ]


@HOW
async def test_the_event_and_early_decisions_go_along(environment: WorkflowEnvironment, how: str) -> None:
    async with open_scripted_worker(environment, PayTwice) as worker:
        run = await worker.start("PayTwice", how, [])
        await worker.approval_request()
        await worker.decide(run, approver="cat", request_id=f"{run.id}.2")  # of what nobody has seen yet
        await worker.decide(run, approver="ann")
        await requests(worker, 2)
        await worker.decide(run, approver="cat", request_id=f"{run.id}.2", nonce="n2")

        assert await run.result() == ["ann", "cat"]
    assert {fact.event_id for fact in worker.progress} == {"e1"}
    assert sorted(receipts(worker)) == [
        ("1.ann.n1", "accepted", None),
        ("2.cat.n1", "wrong_digest", None),
        ("2.cat.n2", "accepted", None),
    ]


async def test_state_that_whoever_starts_a_run_gives_it_holds_no_votes(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, PayTwice) as worker:
        forged = _forged("PayTwice-memo", "mallory")
        state = CarriedState(usage=RunUsage(), early_decisions=(forged, forged.model_copy(update={"place": ""})))
        memo: dict[str, Any] = {CARRIED_STATE_MEMO: state, EVENT_MEMO: "e1"}
        run = await environment.client.start_workflow(
            "PayTwice", args=["", ["nobody"]], id="PayTwice-memo", task_queue=worker.queue, memo=memo
        )
        await worker.approval_request()
        await worker.decide(run, approver="ann")

        assert await run.result() == ["nobody", "ann"]


def _forged(run_id: str, who: str) -> ReceivedDecision:
    decision = Decision(
        workflow_id=run_id, request_id=f"{run_id}.1", decision="approve", approver=who, digest="0" * 64, nonce="n"
    )
    return ReceivedDecision(decision_id=decision.message_id, decision=decision, place="DECISIONS.7")
