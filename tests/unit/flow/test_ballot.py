"""Every reason to refuse a decision, and how a policy counts the accepted ones."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from perdure.contracts import Escalation, Policy, Vote
from tests.support.ballots import DIGEST, NOW, new_ballot, outcome, vote


@pytest.mark.parametrize("first_run_id", ["r", None])
def test_a_decision_counts_if_it_names_the_run_or_no_run(first_run_id: str | None) -> None:
    assert new_ballot().judge(vote(first_run_id=first_run_id), NOW).accepted


@pytest.mark.parametrize(
    ("fields", "at", "code", "reason"),
    [
        ({"digest": "b" * 64}, NOW, "wrong_digest", "its digest is not the request"),
        ({"first_run_id": "before"}, NOW, "replayed", "names another run"),
        ({"expires_at": NOW - timedelta(seconds=1)}, NOW, "decision_expired", "decision itself had expired"),
        ({}, NOW + timedelta(days=2), "request_expired", "request had expired"),
        ({"choice": "withdraw"}, NOW, "nothing_to_withdraw", "no vote"),
        ({"by": "bob"}, NOW, "not_allowed", "bob may not vote: the request is for ann, role editor"),
        ({"by": "eve", "roles": ("editor",)}, NOW, "not_allowed", "eve requested it"),
        ({"by": "bob", "roles": ("editor",), "stands_in_for": ("eve",)}, NOW, "not_allowed", "eve requested it"),
    ],
)
def test_a_decision_that_does_not_count_is_refused_and_changes_nothing(
    fields: dict[str, Any], at: datetime, code: str, reason: str
) -> None:
    ballot = new_ballot(requester="eve", people=("ann",), roles=("editor",))

    receipt = ballot.judge(vote(**fields), at)

    assert (receipt.accepted, receipt.code) == (False, code)
    assert reason in receipt.reason
    assert ballot.conclusion is None
    assert ballot.judge(vote(), NOW).accepted


def test_a_quorum_counts_different_people() -> None:
    ballot = new_ballot(quorum=2)

    assert ballot.judge(vote("ann"), NOW).reason == "it counts: 1 of 2"
    again = ballot.judge(vote("ann"), NOW)
    assert ballot.conclusion is None
    ballot.judge(vote("bob"), NOW)

    assert (again.code, "may withdraw" in again.reason) == ("duplicate", True)
    assert ballot.conclusion is not None
    assert ballot.conclusion.votes == (
        Vote(approver="ann", comment="ann approves"),
        Vote(approver="bob", comment="bob approves"),
    )


def test_an_approver_changes_a_vote_by_withdrawing_it_first() -> None:
    ballot = new_ballot(quorum=2)
    ballot.judge(vote("ann"), NOW)

    assert ballot.judge(vote("ann", "reject"), NOW).code == "duplicate"
    assert ballot.judge(vote("ann", "withdraw"), NOW).accepted
    ballot.judge(vote("ann", "reject"), NOW)

    assert outcome(ballot) == "reject"


def test_a_single_veto_rejects_and_a_single_rejection_does_not() -> None:
    ballot = new_ballot(roles=("editor",), rejections=2, veto_roles=("legal",))
    ballot.judge(vote("ann", "reject", roles=("editor",)), NOW)
    assert outcome(ballot) is None

    ballot.judge(vote("lee", "reject", roles=("legal",)), NOW)

    assert outcome(ballot) == "reject"


def test_a_delegate_may_vote_where_the_absent_person_may() -> None:
    ballot = new_ballot(people=("ann",))

    assert ballot.judge(vote("bob", stands_in_for=("ann",)), NOW).accepted
    assert ballot.conclusion is not None


@pytest.mark.parametrize(("instead", "earlier_may"), [(False, True), (True, False)])
def test_an_escalation_adds_approvers_or_replaces_them(instead: bool, earlier_may: bool) -> None:
    ballot = new_ballot(people=("ann",))
    assert ballot.judge(vote("boss"), NOW).code == "not_allowed"

    ballot.add_approvers(Escalation(after="1h", people=("boss",), instead=instead))

    assert (ballot.judge(vote("ann", "reject"), NOW).code != "not_allowed") is earlier_may
    if not earlier_may:
        assert ballot.judge(vote("boss"), NOW).accepted


def test_an_escalation_of_a_request_to_everybody_excludes_nobody() -> None:
    ballot = new_ballot()
    ballot.add_approvers(Escalation(after="1h", people=("boss",)))

    assert ballot.judge(vote("ann"), NOW).accepted


def test_a_policy_that_nobody_can_meet_is_refused() -> None:
    with pytest.raises(ValidationError, match="2 people must approve, but only ann may"):
        Policy(people=("ann",), quorum=2)


def test_an_escalation_to_one_person_does_not_limit_a_quorum_of_everybody() -> None:
    assert Policy(quorum=2, escalate=(Escalation(after="1h", people=("boss",)),)).quorum == 2


def test_an_escalation_to_nobody_is_refused_because_it_would_open_the_request_to_everybody() -> None:
    with pytest.raises(ValidationError, match="an escalation asks nobody"):
        Policy(people=("ann",), escalate=(Escalation(after="1h", instead=True),))


def test_a_proxy_may_not_withdraw_a_vote_where_proxies_do_not_count() -> None:
    ballot = new_ballot(rejections=2, proxies=False)
    ballot.judge(vote("ann", "reject"), NOW)
    withdrawal = vote("ann", "withdraw").model_copy(update={"proxy": "slack"})

    assert ballot.judge(withdrawal, NOW).code == "not_allowed"
    ballot.judge(vote("bob", "reject"), NOW)
    assert outcome(ballot) == "reject"


PEOPLE = st.sampled_from(["ann", "bob", "cat", "eve"])
CHOICES = st.sampled_from(["approve", "reject", "withdraw"])


@given(st.lists(st.tuples(PEOPLE, CHOICES, st.booleans()), max_size=30), st.integers(1, 3), st.integers(1, 3))
def test_any_order_of_votes_ends_as_counting_them_by_hand(
    decisions: list[tuple[str, str, bool]], quorum: int, rejections: int
) -> None:
    ballot = new_ballot(quorum=quorum, rejections=rejections, requester="eve")
    votes: dict[str, str] = {}
    expected = None
    for by, choice, right_digest in decisions:
        counts = right_digest and by != "eve"
        if expected is None and counts:
            if choice == "withdraw":
                votes.pop(by, None)
            else:
                votes.setdefault(by, choice)
            for end, needed in (("approve", quorum), ("reject", rejections)):
                if list(votes.values()).count(end) >= needed:
                    expected = end
        if ballot.conclusion is None:
            ballot.judge(vote(by, choice, digest=DIGEST if right_digest else "b" * 64), NOW)

    assert outcome(ballot) == expected
