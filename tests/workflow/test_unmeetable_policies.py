"""A request whose policy nobody can meet, by the approvers file, does not wait in silence: people are alerted."""

from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment

from perdure.approvers import Approver, ApproversFile, Directory, PublicKey, SigningKey
from perdure.contracts import Alert, ApprovalRequested
from perdure.flow import Policy, approval
from tests.support.people import approvers_file
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

PEOPLE = {"ada": ["finance"], "bob": ["finance"], "lee": ["legal"]}


@workflow.defn
class Paying:
    @workflow.run
    async def run(self, policy: dict[str, Any], given: dict[str, Any]) -> str:
        return (await approval("Pay?", policy=Policy.model_validate(policy), **given)).outcome


async def requested(environment: WorkflowEnvironment, file: Path, policy: dict[str, Any], **given: Any) -> list[Alert]:
    """Open a request, and return the alerts that stand beside it."""
    settings = {"approvals": {"approvers": file}}
    async with open_scripted_worker(environment, Paying, settings=settings) as worker:
        run = await worker.start("Paying", policy, given)
        request = await worker.approval_request()
        await run.cancel()
        return alerts(worker, request)


def alerts(worker: ScriptedWorker, request: ApprovalRequested) -> list[Alert]:
    found = [it for it in worker.bus.published if isinstance(it, Alert)]
    assert all(isinstance(it.details, dict) and it.details["request"] == request.request_id for it in found)
    return found


def known(folder: Path) -> Path:
    keys = {name: PublicKey(public=SigningKey.new().public) for name in PEOPLE}
    approvers = {name: Approver(roles=tuple(roles), keys=(keys[name],)) for name, roles in PEOPLE.items()}
    return approvers_file(folder / "approvers.yaml", Directory(approvers=approvers)).path


@pytest.mark.parametrize(
    ("policy", "given", "problem"),
    [
        ({"roles": ["finanse"]}, {}, "nobody has the role finanse: did you mean finance?"),
        ({"roles": ["finance"], "quorum": 3}, {}, "3 must approve, and only ada, bob can"),
        ({"roles": ["finance"], "quorum": 2}, {"requester": "bob"}, "2 must approve, and only ada can"),
        ({"roles": ["finance"], "timeout": "1h", "silence": "approve"}, {}, "no channel asks anybody"),
    ],
)
async def test_a_policy_that_nobody_can_meet_raises_an_alert_when_its_request_opens(
    environment: WorkflowEnvironment, tmp_path: Path, policy: dict[str, Any], given: dict[str, Any], problem: str
) -> None:
    (alert,) = await requested(environment, known(tmp_path), policy, **given)

    assert (alert.title, alert.severity) == ("Nobody can decide 'Pay?' as its policy says", "high")
    assert problem in str(alert.details)


async def test_a_policy_that_can_be_met_raises_none_and_neither_does_a_missing_file(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    assert await requested(environment, known(tmp_path), {"roles": ["finance"], "quorum": 2}) == []
    assert await requested(environment, tmp_path / "none.yaml", {"roles": ["finanse"]}) == []
    assert ApproversFile(tmp_path / "none.yaml").version().digest is None
