import asyncio
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment

from perdure.contracts import ApprovalDecided, ApprovalExpired, Receipt
from perdure.flow import Approved, Expired, Rejected, approval
from perdure.flow.request_digest import request_digest
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

DIGEST = request_digest("Publish?", {"pages": 3})


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


def receipts(stage: ScriptedWorker) -> dict[str, bool]:
    return {said.decision_id: said.accepted for said in stage.bus.published if isinstance(said, Receipt)}


async def test_the_request_says_what_will_happen_and_until_when(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Publishing) as stage:
        run = await stage.start("Publishing")
        request = await stage.asked()
        await stage.decide(run, digest=request.digest)
        await run.result()

    assert request.details == {"pages": 3}
    assert request.digest == DIGEST
    assert request.expires_at is not None
    assert request.expires_at - request.opened_at == timedelta(days=3)


@pytest.mark.parametrize(("decision", "result"), [("approve", "ann approved: fine"), ("reject", "ann rejected: fine")])
async def test_an_answer_decides(environment: WorkflowEnvironment, decision: str, result: str) -> None:
    async with open_scripted_worker(environment, Publishing) as stage:
        run = await stage.start("Publishing")
        await stage.asked()
        await stage.decide(run, decision=decision, digest=DIGEST, comment="fine")

        assert await run.result() == result
    assert receipts(stage) == {"n1": True}
    assert [said.approver for said in stage.bus.published if isinstance(said, ApprovalDecided)] == ["ann"]
    assert [kind for _, kind, _ in stage.story] == ["started", "waiting", "resumed", "completed"]


async def test_silence_is_no_yes(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Publishing) as stage:
        run = await stage.start("Publishing")

        assert await run.result() == "expired"
    assert any(isinstance(said, ApprovalExpired) for said in stage.bus.published)


async def test_an_answer_that_comes_before_the_question_is_kept(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Hesitating) as stage:
        run = await stage.start("Hesitating")
        await stage.decide(run, digest=DIGEST)

        assert (await run.result()).startswith("ann approved")
    assert receipts(stage) == {"n1": True}


async def test_answers_that_do_not_count_get_their_receipts_and_change_nothing(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Publishing) as stage:
        run = await stage.start("Publishing")
        await stage.asked()
        await stage.decide(run, nonce="wrong digest", digest="b" * 64)
        await stage.decide(run, nonce="other request", digest=DIGEST, request_id="nobody.asked")
        await stage.decide(run, nonce="good", digest=DIGEST)
        await stage.decide(run, nonce="too late", digest=DIGEST, decision="reject", approver="bob")

        assert (await run.result()).startswith("ann approved")
        async with asyncio.timeout(10):
            while len(receipts(stage)) < 3:
                await asyncio.sleep(0.01)
    told = receipts(stage)
    assert told["wrong digest"] is False
    assert told["other request"] is False
    assert told["good"] is True
    assert told.get("too late", False) is False
