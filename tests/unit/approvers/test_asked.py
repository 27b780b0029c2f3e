"""Who is asked once a request was escalated, as the run itself judges it."""

from datetime import timedelta
from itertools import product

import pytest

from perdure.approvers import Approver, Directory, escalated, may_answer
from perdure.contracts import ApprovalRequested, Decision, Escalation, Policy
from perdure.flow.ballot import Ballot, ReceivedDecision
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
def test_those_are_asked_whose_answer_the_run_takes(policy: Policy, rungs: tuple[Escalation, ...]) -> None:
    asked = request(policy=policy.model_copy(update={"escalate": rungs}))
    for reached in range(len(rungs) + 1):
        stands = escalated(asked, reached)

        told = {who for who in PEOPLE if may_answer(Directory(approvers=PEOPLE), who, stands, NOON)}

        assert told == {who for who in PEOPLE if taken(asked, reached, who)}
        assert (stands.digest, stands.policy.escalate) == (asked.digest, rungs)


def taken(asked: ApprovalRequested, reached: int, who: str) -> bool:
    poll = Ballot(asked)
    for rung in sorted(asked.policy.escalate, key=lambda rung: rung.after)[:reached]:
        poll.add_approvers(rung)
    said = {"workflow_id": "w", "request_id": "w.1", "decision": "approve", "digest": asked.digest, "nonce": "n"}
    decision = Decision(**said, approver=who)
    return poll.judge(ReceivedDecision(decision_id="d", decision=decision, roles=PEOPLE[who].roles), NOON).accepted
