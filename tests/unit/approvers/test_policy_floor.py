"""An author's policy only tightens the operator's, whatever it sets."""

from datetime import timedelta
from typing import Any

import pytest

from perdure.approvers import Approver, Directory, PolicyConflict, tightened
from perdure.contracts import Escalation, Policy

HOUR = timedelta(hours=1)
PEOPLE = Directory(
    approvers={
        "ada": Approver(roles=("finance", "editor")),
        "bob": Approver(roles=("finance",)),
        "eve": Approver(roles=("editor",)),
        "lee": Approver(roles=("legal",)),
    }
)


def joined(floor: dict[str, Any] | None, asked: dict[str, Any]) -> Policy:
    operators = None if floor is None else Policy.model_validate(floor)
    return tightened(operators, Policy.model_validate(asked), lambda: PEOPLE)


@pytest.mark.parametrize(
    ("floor", "asked", "field", "result"),
    [
        ({"quorum": 2}, {}, "quorum", 2),
        ({"quorum": 2}, {"quorum": 1}, "quorum", 2),
        ({"quorum": 2}, {"quorum": 3}, "quorum", 3),
        ({"rejections": 2}, {}, "rejections", 2),
        ({"rejections": 1}, {"rejections": 9}, "rejections", 1),
        ({"rejections": 3}, {"rejections": 2}, "rejections", 2),
        ({"veto_roles": ["legal"]}, {"veto_roles": []}, "veto_roles", ("legal",)),
        ({"veto_roles": ["legal"]}, {"veto_roles": ["chief"]}, "veto_roles", ("legal", "chief")),
        ({}, {"requester_may_answer": True}, "requester_may_answer", False),
        ({"requester_may_answer": True}, {}, "requester_may_answer", True),
        ({"requester_may_answer": True}, {"requester_may_answer": False}, "requester_may_answer", False),
        ({"excluded": ["eve"]}, {"excluded": ["bob"]}, "excluded", ("eve", "bob")),
        ({"timeout": "3d"}, {"timeout": "1h"}, "timeout", HOUR),
        ({"timeout": "1h"}, {"timeout": "3d"}, "timeout", HOUR),
        ({}, {"timeout": "1h"}, "timeout", HOUR),
        ({"timeout": "1h"}, {"silence": "approve"}, "silence", "reject"),
        ({"timeout": "1h", "silence": "approve"}, {}, "silence", "approve"),
        ({"timeout": "1h", "silence": "approve"}, {"silence": "reject"}, "silence", "reject"),
        ({"timeout": "1h", "silence": "approve"}, {"timeout": "1s"}, "timeout", HOUR),
        ({"remind_every": "3h"}, {"remind_every": "1h"}, "remind_every", HOUR),
        ({"role_quorums": {"legal": 1}}, {}, "role_quorums", {"legal": 1}),
        ({"role_quorums": {"legal": 2}}, {"role_quorums": {"legal": 1}}, "role_quorums", {"legal": 2}),
        ({"roles": ["finance"]}, {}, "roles", ("finance",)),
        ({"roles": ["finance", "legal"]}, {"roles": ["legal", "chief"]}, "roles", ("legal",)),
        ({}, {"roles": ["legal"]}, "roles", ("legal",)),
        ({"roles": ["finance"]}, {"people": ["bob", "eve"]}, "people", ("bob",)),
        ({"roles": ["finance"]}, {"roles": ["editor"]}, "people", ("ada",)),
        ({"people": ["bob", "eve"]}, {"roles": ["editor"]}, "people", ("eve",)),
    ],
)
def test_each_field_is_the_stricter_one(
    floor: dict[str, Any], asked: dict[str, Any], field: str, result: object
) -> None:
    assert getattr(joined(floor, asked), field) == result


@pytest.mark.parametrize(
    ("floor", "asked", "proxies"),
    [
        (None, {}, "yes"),
        (None, {"quorum": 2}, "no"),
        (None, {"veto_roles": ["legal"]}, "no"),
        (None, {"role_quorums": {"legal": 1, "chief": 1}}, "no"),
        (None, {"quorum": 2, "proxies": True}, "yes"),
        (None, {"quorum": 2, "distinct_people": True}, "distinct"),
        ({}, {"quorum": 2}, "no"),
        ({"proxies": True}, {"quorum": 2}, "yes"),
        ({"quorum": 2}, {"proxies": True}, "no"),
        ({"quorum": 2, "distinct_people": True}, {}, "distinct"),
        ({"quorum": 2, "distinct_people": True}, {"proxies": True}, "yes"),
        ({"proxies": False}, {"distinct_people": True}, "no"),
        ({"proxies": True}, {"distinct_people": True}, "yes"),
        ({"proxies": True}, {"proxies": False}, "no"),
    ],
)
def test_proxies_are_a_choice_where_one_vote_does_not_decide(
    floor: dict[str, Any] | None, asked: dict[str, Any], proxies: str
) -> None:
    policy = joined(floor, asked)

    assert {(True, False): "yes", (True, True): "distinct", (False, False): "no"}[
        policy.proxies, policy.distinct_people
    ] == proxies


@pytest.mark.parametrize(
    ("floor", "asked", "ladder"),
    [
        ({"roles": ["finance"]}, [{"after": "1s", "people": ["mallory"], "instead": True}], []),
        ({"roles": ["finance"]}, [{"after": "1s", "roles": ["finance", "intern"]}], [("finance",)]),
        ({"roles": ["finance"], "escalate": [{"after": "1d", "roles": ["cfo"]}]}, [], [("cfo",)]),
        (
            {"roles": ["finance"], "escalate": [{"after": "1d", "roles": ["cfo"]}]},
            [{"after": "1s", "roles": ["finance"]}],
            [("cfo",)],
        ),
        ({}, [{"after": "1s", "roles": ["intern"]}], [("intern",)]),
    ],
)
def test_an_escalation_of_the_author_reaches_nobody_whom_the_operator_did_not_name(
    floor: dict[str, Any], asked: list[dict[str, Any]], ladder: list[tuple[str, ...]]
) -> None:
    assert [rung.roles for rung in joined(floor, {"escalate": asked}).escalate] == ladder


@pytest.mark.parametrize(
    ("floor", "asked", "sentence"),
    [
        (
            {"roles": ["finance"]},
            {"people": ["lee"]},
            "The workflow lets only lee vote, the operator's policy only role finance: nobody is both.",
        ),
        ({"roles": ["finance"]}, {"veto_roles": ["intern"]}, "gives a veto to role intern"),
        ({"roles": ["finance"]}, {"role_quorums": {"intern": 1}}, "requires votes of role intern"),
        ({"people": ["ada", "bob"], "quorum": 2}, {"people": ["bob"]}, "2 people must approve, but only bob may"),
    ],
)
def test_policies_that_cannot_be_met_together_are_refused_with_a_sentence_about_both(
    floor: dict[str, Any], asked: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(PolicyConflict) as refused:
        joined(floor, asked)

    assert sentence in str(refused.value)


def test_without_a_policy_of_the_operator_the_authors_counts() -> None:
    asked = Policy(people=("ada",), escalate=(Escalation(after=HOUR, people=("bob",)),), silence="approve")

    assert tightened(None, asked, lambda: PEOPLE) == asked
