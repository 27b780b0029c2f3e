import asyncio
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment

from perdure.contracts import ApprovalDecided, ApprovalExpired, Receipt, content_digest, request_digest
from perdure.flow import Approved, Expired, Rejected, approval
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")


@workflow.defn
class Publishing:
    @workflow.run
    async def run(self) -> str:
        match await approval("Publish?", details={"pages": 3}, timeout=timedelta(days=3)):
            case Approved(by=editor, comment=comment):
                return f"{editor} approved: {comment}"
            case Rejected(by=editor, comment=comment):
                return f"{editor} rejected: {comment}"
            case Expired():
                return "expired"


@workflow.defn
class Hesitating(Publishing):
    @workflow.run
    async def run(self) -> str:
        await asyncio.sleep(3600)
        return await super().run()


def receipts(worker: ScriptedWorker) -> dict[str, bool]:
    return {it.decision_id.rpartition(".")[2]: it.accepted for it in worker.bus.published if isinstance(it, Receipt)}


async def test_a_request_carries_its_details_digest_and_deadline(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Publishing) as worker:
        run = await worker.start("Publishing")
        request = await worker.approval_request()
        await worker.decide(run, digest=request.digest)
        await run.result()

    assert request.details == {"pages": 3}
    assert request.digest == request_digest(request)
    assert (request.digest_version, request.run_id) == (2, run.result_run_id)
    assert request.expires_at is not None
    assert request.expires_at - request.opened_at == timedelta(days=3)


@pytest.mark.parametrize(("decision", "result"), [("approve", "ann approved: fine"), ("reject", "ann rejected: fine")])
async def test_a_decision_settles_the_request(environment: WorkflowEnvironment, decision: str, result: str) -> None:
    async with open_scripted_worker(environment, Publishing) as worker:
        run = await worker.start("Publishing")
        await worker.approval_request()
        await worker.decide(run, decision=decision, comment="fine")

        assert await run.result() == result
    assert receipts(worker) == {"n1": True}
    assert [it.approver for it in worker.bus.published if isinstance(it, ApprovalDecided)] == ["ann"]
    assert [kind for _, kind, _ in worker.timeline] == ["started", "waiting", "resumed", "completed"]


async def test_a_request_that_nobody_decides_expires(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Publishing) as worker:
        run = await worker.start("Publishing")

        assert await run.result() == "expired"
    assert any(isinstance(it, ApprovalExpired) for it in worker.bus.published)


async def test_a_decision_before_its_request_is_about_something_unseen(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Hesitating) as worker:
        run = await worker.start("Hesitating")
        await worker.decide(run, digest=content_digest("Publish?", {"pages": 3}))

        assert await run.result() == "expired"
    assert receipts(worker) == {"n1": False}


async def test_refused_decisions_get_receipts_and_change_nothing(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Publishing) as worker:
        run = await worker.start("Publishing")
        await worker.approval_request()
        await worker.decide(run, nonce="wrong digest", digest="b" * 64)
        await worker.decide(run, nonce="other request", request_id=f"{run.id}.7")
        await worker.decide(run, nonce="good")
        await worker.decide(run, nonce="too late", decision="reject", approver="bob")

        assert (await run.result()).startswith("ann approved")
        async with asyncio.timeout(10):
            while len(receipts(worker)) < 3:
                await asyncio.sleep(0.01)
    accepted = receipts(worker)
    assert accepted["wrong digest"] is False
    assert accepted["other request"] is False
    assert accepted["good"] is True
    assert accepted.get("too late", False) is False
