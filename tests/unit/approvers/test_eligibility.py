"""Who may vote after escalations, compared with what the run itself accepts."""

from datetime import timedelta
from itertools import product

import pytest

from perdure.approvers import Approver, Directory, escalated, may_vote
from perdure.contracts import ApprovalRequested, Decision, Escalation, Policy
from perdure.voting.ballot import Ballot, ReceivedDecision
from tests.support.notifier import NOON, request

PEOPLE = {
    "ada": Approver(roles=("editor",)),
    "bob": Approver(roles=("board",)),
    "eve": Approver(roles=("legal",)),
    "ian": Approver(),
}
FIRST = (
    Policy(),
    Policy(veto_roles=("legal",)),
    Policy(people=("ada",)),
    Policy(roles=("editor",), veto_roles=("legal",)),
)
LATER = Escalation(after=timedelta(hours=2), people=("ian",))
RUNGS = (
    (),
    (Escalation(after=timedelta(hours=1), roles=("board",)),),
    (Escalation(after=timedelta(hours=1), roles=("board",), instead=True),),
    (LATER, Escalation(after=timedelta(hours=1), roles=("board",), instead=True)),
    (LATER, Escalation(after=timedelta(hours=1), roles=("legal",))),
)


@pytest.mark.parametrize(("policy", "rungs"), list(product(FIRST, RUNGS)))
def test_those_may_vote_whose_vote_the_run_accepts(policy: Policy, rungs: tuple[Escalation, ...]) -> None:
    opened = request(policy=policy.model_copy(update={"escalate": rungs}))
    for count in range(len(rungs) + 1):
        current = escalated(opened.policy, count)

        known = Directory(approvers=PEOPLE)
        eligible = {name for name in PEOPLE if may_vote(known, name, opened, NOON, policy=current)}

        assert eligible == {name for name in PEOPLE if is_accepted(opened, count, name)}
        assert current.escalate == rungs


def is_accepted(opened: ApprovalRequested, count: int, name: str) -> bool:
    ballot = Ballot(opened)
    for rung in sorted(opened.policy.escalate, key=lambda rung: rung.after)[:count]:
        ballot.add_approvers(rung)
    fields = {"workflow_id": "w", "request_id": "w.1", "decision": "approve", "digest": opened.digest, "nonce": "n"}
    decision = Decision(**fields, approver=name)
    received = ReceivedDecision(decision_id="d", decision=decision, roles=PEOPLE[name].roles)
    return ballot.judge(received, NOON).accepted
