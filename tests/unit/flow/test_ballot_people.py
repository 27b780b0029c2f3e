"""Whose votes count as one, and quorums by role: the rules of requests whose digest has version 2."""

from typing import Any

import pytest

from perdure.values.role_quorums import missing_votes
from perdure.voting.ballot import ReceivedDecision
from tests.support.ballots import NOW, codes, new_ballot, vote


def slack(by: str, choice: str = "approve", **known: Any) -> ReceivedDecision:
    return vote(by, choice, **{"proxy": "notifier", "key_id": "k1", **known})


DELEGATE: dict[str, Any] = {"stands_in_for": ("ada",), "roles": ("finance",), "own_roles": ()}


@pytest.mark.parametrize(
    "votes",
    [
        (vote("ada", roles=("finance",)), vote("bob", **DELEGATE)),
        (vote("bob", **DELEGATE), vote("ada", roles=("finance",))),
        (vote("bob", **DELEGATE), vote("cat", **DELEGATE)),
        (vote("bob", **{**DELEGATE, "own_roles": ("finance",)}), vote("ada", roles=("finance",))),
    ],
)
def test_somebody_who_is_away_and_their_delegates_are_one_of_four_eyes(votes: tuple[ReceivedDecision, ...]) -> None:
    ballot = new_ballot(roles=("finance",), quorum=2)

    assert codes(ballot, *votes) == ["accepted", "duplicate"]
    assert ballot.conclusion is None


def test_two_delegates_of_one_person_are_two_people_if_one_may_vote_for_themselves() -> None:
    ballot = new_ballot(roles=("finance",), quorum=2)

    own = vote("bob", **{**DELEGATE, "own_roles": ("finance",)})
    assert codes(ballot, own, vote("cat", **DELEGATE)) == ["accepted", "accepted"]


def test_a_withdrawn_vote_makes_room_for_the_one_who_is_away() -> None:
    ballot = new_ballot(roles=("finance",), quorum=1, rejections=2)
    votes = vote("bob", "reject", **DELEGATE), vote("bob", "withdraw", **DELEGATE), vote("ada", roles=("finance",))

    assert codes(ballot, *votes) == ["accepted", "accepted", "accepted"]


def test_one_proxy_is_one_vote_for_a_result_whatever_key_it_uses() -> None:
    ballot = new_ballot(quorum=2)

    refused = slack("bob", key_id="k2")
    assert codes(ballot, slack("ada"), refused, vote("bob")) == ["accepted", "duplicate", "accepted"]
    assert ballot.conclusion is not None


def test_one_key_under_the_names_of_two_proxies_is_one_vote() -> None:
    assert codes(new_ballot(quorum=2), slack("ada"), slack("bob", proxy="other")) == ["accepted", "duplicate"]


def test_two_proxies_are_two_votes() -> None:
    ballot = new_ballot(quorum=2)

    assert codes(ballot, slack("ada"), slack("bob", proxy="other", key_id="k2")) == ["accepted", "accepted"]


def test_a_proxy_that_tells_people_apart_signs_as_many_votes_as_there_are_people() -> None:
    ballot = new_ballot(quorum=2, distinct_people=True)

    assert codes(ballot, slack("ada"), slack("bob")) == ["accepted", "accepted"]
    assert ballot.conclusion is not None


def test_a_proxy_that_signed_an_approval_may_still_sign_a_rejection_and_a_veto() -> None:
    ballot = new_ballot(quorum=3, rejections=2, veto_roles=("legal",))

    assert codes(ballot, slack("ada"), slack("bob", "reject")) == ["accepted", "accepted"]
    assert codes(ballot, slack("lee", "reject", roles=("legal",))) == ["accepted"]
    assert ballot.conclusion is not None


def test_a_proxy_signs_only_for_requests_of_its_severities() -> None:
    limited = slack("ada", proxy_severities=("low", "normal"))

    assert codes(new_ballot(severity="critical"), limited) == ["not_allowed"]
    assert codes(new_ballot(severity="low"), limited) == ["accepted"]


def test_who_is_excluded_votes_neither_alone_nor_by_a_delegate() -> None:
    ballot = new_ballot(quorum=3, excluded=("ada",))

    votes = vote("ada"), vote("bob", stands_in_for=("ada",)), vote("cat")
    assert codes(ballot, *votes) == ["not_allowed", "not_allowed", "accepted"]


def test_requests_of_old_runs_are_judged_as_their_histories_were() -> None:
    away = new_ballot(1, roles=("finance",), quorum=2)
    proxy = new_ballot(1, quorum=2)

    assert codes(away, vote("ada", roles=("finance",)), vote("bob", **DELEGATE)) == ["accepted", "accepted"]
    assert codes(proxy, slack("ada"), slack("bob")) == ["accepted", "accepted"]


def test_each_role_gives_its_own_votes() -> None:
    ballot = new_ballot(role_quorums={"finance": 1, "legal": 1})
    first = ballot.judge(vote("ada", roles=("finance",)), NOW)
    second = ballot.judge(vote("bob", roles=("finance",)), NOW)

    assert first.reason == "it counts: 1 of 1, still without 1 of role legal"
    assert second.accepted
    assert ballot.conclusion is None
    assert codes(ballot, vote("eve"), vote("lee", roles=("legal",))) == ["not_allowed", "accepted"]
    assert ballot.conclusion is not None


def test_quorum_and_role_quorums_hold_both() -> None:
    ballot = new_ballot(quorum=3, role_quorums={"legal": 1}, roles=("finance",))

    assert codes(ballot, vote("lee", roles=("legal",)), vote("ada", roles=("finance",))) == ["accepted", "accepted"]
    assert ballot.conclusion is None
    assert codes(ballot, vote("bob", roles=("finance",))) == ["accepted"]
    assert ballot.conclusion is not None


@pytest.mark.parametrize(
    ("votes", "missing"),
    [
        ([], {"finance": 1, "legal": 2}),
        ([{"finance", "legal"}], {"legal": 2}),
        ([{"finance", "legal"}, {"finance"}], {"legal": 1}),
        ([{"finance"}, {"finance", "legal"}, {"finance", "legal"}], {}),
        ([{"finance", "legal"}, {"finance", "legal"}, {"finance"}], {}),
        ([{"legal"}, {"legal"}, {"legal"}], {"finance": 1}),
        ([set(), {"other"}], {"finance": 1, "legal": 2}),
    ],
)
def test_somebody_with_two_roles_fills_one_place_the_one_that_helps_most(
    votes: list[set[str]], missing: dict[str, int]
) -> None:
    assert missing_votes({"finance": 1, "legal": 2}, votes) == missing
