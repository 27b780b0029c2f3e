"""Every reason for which a decision does not count, and what a policy makes of those that do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from perdure.contracts import ApprovalRequested, Decision, Escalation, Policy, Vote
from perdure.flow.ballot import Ballot, ReceivedDecision

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DIGEST = "a" * 64


def poll(requester: str | None = None, **policy: Any) -> Ballot:
    return Ballot(
        ApprovalRequested(
            workflow="W",
            workflow_id="w",
            run_id="r",
            request_id="w.1",
            title="Publish?",
            digest=DIGEST,
            requester=requester,
            policy=Policy(**policy),
            opened_at=NOW,
            expires_at=NOW + timedelta(days=1),
            first_run_id="r",
        )
    )


def said(
    by: str = "ann", word: str = "approve", *, roles: tuple[str, ...] = (), away: tuple[str, ...] = (), **fields: Any
) -> ReceivedDecision:
    whole = {
        "workflow_id": "w",
        "request_id": "w.1",
        "decision": word,
        "approver": by,
        "comment": f"{by} {word}s",
        "digest": DIGEST,
        "nonce": "n",
        **fields,
    }
    return ReceivedDecision(
        decision_id=f"{by}.{word}", decision=Decision.model_validate(whole), roles=roles, stands_in_for=away
    )


@pytest.mark.parametrize("first_run_id", ["r", None])
def test_a_decision_counts_that_names_the_run_or_none(first_run_id: str | None) -> None:
    assert poll().judge(said(first_run_id=first_run_id), NOW).accepted


def outcome(poll: Ballot) -> str | None:
    return None if poll.conclusion is None else poll.conclusion.decision


@pytest.mark.parametrize(
    ("fields", "at", "code", "reason"),
    [
        ({"digest": "b" * 64}, NOW, "wrong_digest", "another digest"),
        ({"first_run_id": "before"}, NOW, "replayed", "answers another run"),
        ({"expires_at": NOW - timedelta(seconds=1)}, NOW, "decision_expired", "decision itself had expired"),
        ({}, NOW + timedelta(days=2), "request_expired", "request had expired"),
        ({"word": "withdraw"}, NOW, "nothing_to_withdraw", "no vote"),
        ({"by": "bob"}, NOW, "not_allowed", "bob may not vote: the request is for ann, role editor"),
        ({"by": "eve", "roles": ("editor",)}, NOW, "not_allowed", "eve requested it"),
        ({"by": "bob", "roles": ("editor",), "away": ("eve",)}, NOW, "not_allowed", "eve requested it"),
    ],
)
def test_a_decision_that_does_not_count_is_refused_and_changes_nothing(
    fields: dict[str, Any], at: datetime, code: str, reason: str
) -> None:
    question = poll(requester="eve", people=("ann",), roles=("editor",))

    receipt = question.judge(said(**fields), at)

    assert (receipt.accepted, receipt.code) == (False, code)
    assert reason in receipt.reason
    assert question.conclusion is None
    assert question.judge(said(), NOW).accepted


def test_a_quorum_is_of_different_people() -> None:
    question = poll(quorum=2)

    assert question.judge(said("ann"), NOW).reason == "it counts: 1 of 2"
    again = question.judge(said("ann"), NOW)
    assert question.conclusion is None
    question.judge(said("bob"), NOW)

    assert (again.code, "may withdraw" in again.reason) == ("duplicate", True)
    assert question.conclusion is not None
    assert question.conclusion.votes == (
        Vote(approver="ann", comment="ann approves"),
        Vote(approver="bob", comment="bob approves"),
    )


def test_a_change_of_mind_is_a_withdrawal_and_a_new_voice() -> None:
    question = poll(quorum=2)
    question.judge(said("ann"), NOW)

    assert question.judge(said("ann", "reject"), NOW).code == "duplicate"
    assert question.judge(said("ann", "withdraw"), NOW).accepted
    question.judge(said("ann", "reject"), NOW)

    assert outcome(question) == "reject"


def test_a_veto_is_alone_enough_and_a_rejection_is_not() -> None:
    question = poll(roles=("editor",), rejections=2, veto_roles=("legal",))
    question.judge(said("ann", "reject", roles=("editor",)), NOW)
    assert outcome(question) is None

    question.judge(said("lee", "reject", roles=("legal",)), NOW)

    assert outcome(question) == "reject"


def test_who_stands_in_for_somebody_may_what_they_may() -> None:
    question = poll(people=("ann",))

    assert question.judge(said("bob", away=("ann",)), NOW).accepted
    assert question.conclusion is not None


@pytest.mark.parametrize(("instead", "earlier_may"), [(False, True), (True, False)])
def test_an_escalation_asks_others_as_well_or_instead(instead: bool, earlier_may: bool) -> None:
    question = poll(people=("ann",))
    assert question.judge(said("boss"), NOW).code == "not_allowed"

    question.add_approvers(Escalation(after="1h", people=("boss",), instead=instead))

    assert (question.judge(said("ann", "reject"), NOW).code != "not_allowed") is earlier_may
    if not earlier_may:
        assert question.judge(said("boss"), NOW).accepted


def test_an_escalation_of_what_everybody_may_answer_shuts_nobody_out() -> None:
    question = poll()
    question.add_approvers(Escalation(after="1h", people=("boss",)))

    assert question.judge(said("ann"), NOW).accepted


def test_a_policy_that_nobody_can_meet_is_refused() -> None:
    with pytest.raises(ValidationError, match="2 people must approve, but only ann may"):
        Policy(people=("ann",), quorum=2)


def test_whom_everybody_may_answer_beside_is_no_limit() -> None:
    assert Policy(quorum=2, escalate=(Escalation(after="1h", people=("boss",)),)).quorum == 2


def test_an_escalation_to_nobody_is_refused_for_it_would_open_the_request_to_everybody() -> None:
    with pytest.raises(ValidationError, match="an escalation asks nobody"):
        Policy(people=("ann",), escalate=(Escalation(after="1h", instead=True),))


def test_who_signs_for_others_may_not_withdraw_where_only_people_themselves_count() -> None:
    question = poll(rejections=2, proxies=False)
    question.judge(said("ann", "reject"), NOW)
    withdrawal = said("ann", "withdraw").model_copy(update={"proxy": "slack"})

    assert question.judge(withdrawal, NOW).code == "not_allowed"
    question.judge(said("bob", "reject"), NOW)
    assert outcome(question) == "reject"


PEOPLE = st.sampled_from(["ann", "bob", "cat", "eve"])
WORDS = st.sampled_from(["approve", "reject", "withdraw"])


@given(st.lists(st.tuples(PEOPLE, WORDS, st.booleans()), max_size=30), st.integers(1, 3), st.integers(1, 3))
def test_any_order_of_voices_ends_as_counting_them_by_hand_does(
    spoken: list[tuple[str, str, bool]], quorum: int, rejections: int
) -> None:
    question = poll(quorum=quorum, rejections=rejections, requester="eve")
    voices: dict[str, str] = {}
    expected = None
    for by, word, saw_it in spoken:
        counts = saw_it and by != "eve"
        if expected is None and counts:
            if word == "withdraw":
                voices.pop(by, None)
            else:
                voices.setdefault(by, word)
            for end, needed in (("approve", quorum), ("reject", rejections)):
                if list(voices.values()).count(end) >= needed:
                    expected = end
        if question.conclusion is None:
            question.judge(said(by, word, digest=DIGEST if saw_it else "b" * 64), NOW)

    assert outcome(question) == expected
