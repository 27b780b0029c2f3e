"""What nobody signed, or what was signed for another run, never counts, whoever signals the run."""

from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus
from perdure.contracts import Decision, Receipt
from perdure.flow import Approved, Policy, approval
from perdure.voting.ballot import ReceivedDecision
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

SETTLED = 10  # seconds; the test server skips them as soon as no worker has anything to do


@workflow.defn
class Pay:
    """Requests two approvals."""

    @workflow.run
    async def run(self) -> str:
        decision = await approval("Pay?", policy=Policy(quorum=2, proxies=False))
        return decision.by if isinstance(decision, Approved) else decision.outcome


async def decision_of(
    worker: ScriptedWorker, run: WorkflowHandle[object, object], who: str, choice: str = "approve", **fields: str
) -> Decision:
    """Wait for the first request of a run, and return an unsigned decision on it."""
    await worker.approval_request(run.id)
    return worker.decision(run, nonce=f"{who}-{choice}", approver=who, decision=choice, **fields)


def unsigned(decision: Decision, place: str = "") -> ReceivedDecision:
    return ReceivedDecision(decision_id=decision.message_id, decision=decision, place=place)


def codes(worker: ScriptedWorker) -> list[tuple[str, str]]:
    return [(it.decision_id.split(".")[-1], it.code) for it in worker.bus.published if isinstance(it, Receipt)]


def notes(worker: ScriptedWorker) -> list[str]:
    return [str(fact.result) for fact in worker.progress if fact.kind == "note"]


async def test_votes_that_are_signalled_past_the_bridge_meet_no_quorum(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Pay) as worker:
        run = await worker.start("Pay")
        await worker.approval_request()
        for number, who in enumerate(("ann", "bob", "cat", "dan")):
            await run.signal(
                "perdure_decision", unsigned(await decision_of(worker, run, who), ["", "DECISIONS.x"][number % 2])
            )
        await environment.sleep(SETTLED)
        for who in ("lee", "eve"):
            await worker.decide(run, approver=who)

        assert await run.result() == "lee, eve"
    assert sorted(notes(worker)) == sorted(
        [
            "A decision was left out: no text is no place in DECISIONS",
            "A decision was left out: DECISIONS.x is no place in DECISIONS",
        ]
        * 2
    )


async def test_what_a_signal_claims_is_not_believed_where_the_stream_says_otherwise(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Pay) as worker:
        run = await worker.start("Pay")
        genuine = await worker.publish_decision(worker.keys.sign(await decision_of(worker, run, "ann", "reject")))
        forged = unsigned(await decision_of(worker, run, "bob"), genuine.place)
        await run.signal("perdure_decision", forged.model_copy(update={"roles": ("boss",), "proxy": None}))

        assert await run.result() == "rejected"
    assert codes(worker) == [("ann-reject", "accepted")]


async def test_a_message_that_nobody_signed_is_refused_by_the_run_itself(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Pay) as worker:
        run = await worker.start("Pay")
        ann = worker.keys.sign(await decision_of(worker, run, "ann"))
        for message in (await decision_of(worker, run, "bob"), ann.model_copy(update={"approver": "cat"}), ann):
            await worker.hand_over(run, await worker.publish_decision(message))
        await worker.decide(run, approver="dan")

        assert await run.result() == "ann, dan"
    assert sorted(codes(worker)) == [
        ("ann-approve", "accepted"),
        ("ann-approve", "unknown_approver"),
        ("bob-approve", "unsigned"),
        ("n1", "accepted"),
    ]


async def test_a_decision_on_another_run_is_left_out(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Pay) as worker:
        run = await worker.start("Pay")
        await worker.approval_request()
        other = await worker.start("Pay")
        elsewhere = worker.keys.sign(await decision_of(worker, other, "ann", request_id=f"{run.id}.1"))
        await worker.hand_over(run, await worker.publish_decision(elsewhere))
        await environment.sleep(SETTLED)
        for who in ("lee", "eve"):
            await worker.decide(run, approver=who)

        assert await run.result() == "lee, eve"
    assert [note.partition(":")[0] for note in notes(worker)] == ["DECISIONS.1 was left out"]


async def test_a_withdrawal_that_overtakes_its_vote_is_judged_after_it(environment: WorkflowEnvironment) -> None:
    bus, queue = MemoryBus(), uuid4().hex
    async with open_scripted_worker(environment, Pay, bus=bus, queue=queue) as idle:
        run = await idle.start("Pay")
        votes = [idle.keys.sign(await decision_of(idle, run, "ann", choice)) for choice in ("approve", "withdraw")]
    for received in reversed([await idle.publish_decision(vote) for vote in votes]):
        await idle.hand_over(run, received)
    async with open_scripted_worker(environment, Pay, bus=bus, queue=queue, approvers=idle.keys):
        for who in ("lee", "eve"):
            await idle.decide(run, approver=who, nonce=who)

        assert await run.result() == "lee, eve"
    assert codes(idle)[:2] == [("ann-approve", "accepted"), ("ann-withdraw", "accepted")]


async def test_a_deleted_message_is_not_kept(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Pay) as worker:
        run = await worker.start("Pay")
        received = await worker.publish_decision(worker.keys.sign(await decision_of(worker, run, "ann")))
        await worker.bus.delete("DECISIONS", 1)
        await worker.hand_over(run, received)
        await environment.sleep(SETTLED)
        for who in ("lee", "eve"):
            await worker.decide(run, approver=who)

        assert await run.result() == "lee, eve"
    receipt = next(it for it in worker.bus.published if isinstance(it, Receipt))
    assert (receipt.decision_id, receipt.code, receipt.place) == (received.decision_id, "not_kept", "DECISIONS.1")


async def test_a_signal_that_claims_a_huge_decision_does_the_run_no_harm(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Pay) as worker:
        run = await worker.start("Pay")
        await worker.approval_request()
        ann = await decision_of(worker, run, "ann")
        for fields, place in (
            ({"approver": "x" * 100_000}, "DECISIONS.9"),
            ({}, "x" * 100_000),
            ({"request_id": f"{run.id}.{'9' * 5000}"}, "DECISIONS.9"),
        ):
            await run.signal("perdure_decision", unsigned(ann.model_copy(update=fields), place))
        await environment.sleep(SETTLED)
        long = ann.model_copy(update={"request_id": f"{run.id}.{'9' * 5000}"})
        await worker.hand_over(run, await worker.publish_decision(worker.keys.sign(long)))
        for who in ("lee", "eve"):
            await worker.decide(run, approver=who)

        assert await run.result() == "lee, eve"
    assert max(len(note) for note in notes(worker)) < 200
