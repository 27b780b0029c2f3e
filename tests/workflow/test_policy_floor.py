"""The operator's policy holds whatever a workflow asks for, and the request shows the result."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment

from perdure.approvers import check_digest
from perdure.bus import MemoryBus
from perdure.contracts import ApprovalRequested
from perdure.flow import Approved, Policy, approval
from perdure.testing import WorkflowRunner
from tests.support.scripted_worker import open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")


@workflow.defn
class Refunding:
    """Requests an approval with what the test gives, and returns who approved."""

    @workflow.run
    async def run(self, action: Any, given: dict[str, Any]) -> str:
        policy = given.pop("policy", None)
        asked = None if policy is None else Policy.model_validate(policy)
        outcome = await approval("Refund?", action=action, policy=asked, **given)
        return outcome.by if isinstance(outcome, Approved) else outcome.outcome


@workflow.defn
class Twice:
    """Names the approver of the first request as the requester of the second."""

    @workflow.run
    async def run(self) -> str:
        first = await approval("First?")
        assert isinstance(first, Approved)
        second = await approval("Second?", requester=first.votes[0])
        return second.outcome


@workflow.defn
class InTurn:
    @workflow.run
    async def run(self) -> list[str]:
        return [(await approval(title, policy=Policy(quorum=1))).outcome for title in ("First?", "Second?")]


async def request(run_workflow: WorkflowRunner, action: Any = None, given: Any = None, **policy: Any) -> Any:
    """Open a request under the operator's policy, approve it, and return it as published."""
    settings = {"approvals": {"policies": {"Refunding": policy}}} if policy else {}
    outcome = await run_workflow(Refunding, action, given or {}, answers={"Refund?": "approve"}, settings=settings)
    (found,) = [it for it in outcome.messages if isinstance(it, ApprovalRequested)]
    check_digest(found)
    return found


async def test_an_authors_policy_cannot_loosen_the_operators(run_workflow: WorkflowRunner) -> None:
    found = await request(
        run_workflow, given={"policy": {"quorum": 1, "proxies": True}}, quorum=2, roles=["finance"], proxies=False
    )

    assert (found.policy.quorum, found.policy.roles, found.policy.proxies) == (2, ("finance",), False)


async def test_an_author_may_demand_more(run_workflow: WorkflowRunner) -> None:
    found = await request(run_workflow, given={"policy": {"quorum": 3}}, quorum=2, proxies=False)

    assert found.policy.quorum == 3


@pytest.mark.parametrize(("amount", "quorum"), [(1000, 1), (1001, 2)])
async def test_a_condition_over_the_action_decides_the_quorum(
    run_workflow: WorkflowRunner, amount: int, quorum: int
) -> None:
    found = await request(
        run_workflow, {"amount": amount}, tighten=[{"when": "action.amount > 1000", "quorum": 2}], proxies=False
    )

    assert found.policy.quorum == quorum


async def test_without_the_operators_policy_several_votes_are_signed_by_people_themselves(
    run_workflow: WorkflowRunner,
) -> None:
    assert not (await request(run_workflow, given={"policy": {"quorum": 2}})).policy.proxies
    assert (await request(run_workflow)).policy.proxies


async def test_a_quorum_of_roles_needs_each_role(run_workflow: WorkflowRunner) -> None:
    found = await request(run_workflow, role_quorums={"finance": 1, "legal": 1}, proxies=False)

    assert found.policy.role_quorums == {"finance": 1, "legal": 1}


async def test_policies_that_exclude_each_other_fail_the_run_with_a_sentence_about_both(
    run_workflow: WorkflowRunner,
) -> None:
    outcome = await run_workflow(
        Refunding,
        None,
        {"policy": {"people": ["eve"]}},
        settings={"approvals": {"policies": {"*": {"roles": ["finance"]}}}},
    )

    assert outcome.ending.kind == "failed"
    sentence = "The workflow lets only eve vote, the operator's policy only role finance: nobody is both."
    assert str(outcome.error).startswith(f"{sentence} (tests/workflow/test_policy_floor.py:")


async def test_a_requester_as_text_is_kept_from_voting_and_is_not_shown_as_known(run_workflow: WorkflowRunner) -> None:
    found = await request(run_workflow, given={"requester": "bob"})

    assert (found.requester, found.on_behalf_of, found.policy.excluded) == (None, "bob", ("bob",))


async def test_the_voter_of_an_earlier_request_is_a_requester_who_is_known(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(
        Twice,
        answers={"First?": "approve", "Second?": "approve"},
        settings={"approvals": {"policies": {"*": {"requester_may_answer": True}}}},
    )

    first, second = [it for it in outcome.messages if isinstance(it, ApprovalRequested)]
    assert (first.requester, second.requester, second.on_behalf_of) == (None, "reviewer", None)


async def test_whom_a_run_works_for_is_shown_and_part_of_the_digest(run_workflow: WorkflowRunner) -> None:
    found = await request(run_workflow, given={"on_behalf_of": "order desk"})

    assert found.on_behalf_of == "order desk"
    assert found.policy.excluded == ()


async def test_a_number_that_reviewers_programs_would_round_is_refused_where_it_is_made(
    run_workflow: WorkflowRunner,
) -> None:
    refused = await run_workflow(Refunding, {"amount": 2**53}, {})
    as_text = await run_workflow(Refunding, {"amount": str(2**53)}, {}, answers={"Refund?": "approve"})

    assert (refused.ending.kind, as_text.ending.kind) == ("failed", "completed")
    assert "9007199254740992 exceeds safe integer domain for JSON floats. Pass such a value as text." in str(
        refused.error
    )


async def test_a_run_that_opened_a_request_under_older_code_opens_the_next_under_the_floor(
    environment: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus, queue, patched = MemoryBus(), uuid4().hex, workflow.patched
    with monkeypatch.context() as older:
        older.setattr(workflow, "patched", lambda id_: "policy-floor" not in id_ and patched(id_))
        async with open_scripted_worker(environment, InTurn, bus=bus, queue=queue) as worker:
            run = await worker.start("InTurn")
            await worker.approval_request()
    async with open_scripted_worker(environment, InTurn, bus=bus, queue=queue, approvers=worker.keys):
        for number in (1, 2):
            await worker.decide(run, nonce=f"{number}", request_id=f"{run.id}.{number}")
            async with asyncio.timeout(20):
                while number == 1 and worker.digest(f"{run.id}.2") == "0" * 64:
                    await asyncio.sleep(0.01)
        assert await run.result() == ["approved", "approved"]

    requests = [it for it in bus.published if isinstance(it, ApprovalRequested)]
    assert [it.digest_version for it in requests] == [1, 2]
