"""``perdure doctor`` names the open requests that the operator's policy of now would tighten."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.approvers import Approver, Directory, PolicyConflict, tightened
from perdure.approvers.operator_policies import OperatorPolicies
from perdure.cli.check_requests import below_floor
from perdure.config.approvals import ApprovalSettings
from perdure.contracts import Policy
from tests.support.notifier import request

KNOWN = Directory(approvers={"ada": Approver(roles=("finance",)), "bob": Approver(roles=("legal",))})


def sentences(policy: dict[str, Any], now: dict[str, Any], **shown: Any) -> list[str]:
    open_request = request(policy=Policy.model_validate(policy), **shown)
    policies = OperatorPolicies(ApprovalSettings(policies={"Payment": now}).policies)
    return list(below_floor([open_request], policies, KNOWN))


@pytest.mark.parametrize(
    ("opened", "now", "fields"),
    [
        ({}, {"quorum": 2, "proxies": True}, "quorum"),
        ({"proxies": True}, {"quorum": 2, "proxies": False}, "quorum, proxies"),
        ({"roles": ["finance", "legal"]}, {"roles": ["finance"]}, "roles"),
        ({}, {"timeout": "1h"}, "timeout"),
        ({}, {"veto_roles": ["legal"], "proxies": True}, "veto_roles"),
    ],
)
def test_a_request_below_the_policy_is_named_with_what_would_be_stricter(
    opened: dict[str, Any], now: dict[str, Any], fields: str
) -> None:
    (sentence,) = sentences(opened, now)

    assert sentence.startswith(f"w.1 was opened under an older policy, and keeps it: {fields} would be stricter")


def test_a_condition_counts_only_for_the_actions_that_it_is_about() -> None:
    now = {"tighten": [{"when": "action.amount > 10", "quorum": 2}], "proxies": True}

    assert sentences({}, now, action={"amount": 5}) == []
    assert len(sentences({}, now, action={"amount": 11})) == 1


def test_a_request_whose_voters_the_policy_no_longer_admits_is_named() -> None:
    (sentence,) = sentences({"people": ["bob"]}, {"roles": ["finance"]})

    assert "nobody is both" in sentence


NAMES = st.sampled_from([(), ("ada",), ("bob",), ("ada", "bob")])
ROLES = st.sampled_from([(), ("finance",), ("legal",), ("finance", "legal")])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "people": NAMES,
        "roles": ROLES,
        "quorum": st.integers(1, 2),
        "role_quorums": st.sampled_from([{}, {"finance": 1}, {"legal": 2}, {"finance": 1, "legal": 1}]),
        "rejections": st.integers(1, 2),
        "veto_roles": ROLES,
        "proxies": st.booleans(),
        "distinct_people": st.booleans(),
        "requester_may_answer": st.booleans(),
        "excluded": NAMES,
        "timeout": st.sampled_from([None, "1h", "2h"]),
        "silence": st.sampled_from(["approve", "reject"]),
        "remind_every": st.sampled_from([None, "1h"]),
        "escalate": st.sampled_from(
            [[], [{"after": "1h", "roles": ["legal"]}], [{"after": "2h", "people": ["ada"], "instead": True}]]
        ),
    },
)


def _policy(fields: dict[str, Any]) -> Policy | None:
    try:
        return Policy.model_validate(fields)
    except ValueError:
        return None


@settings(max_examples=500, derandomize=True, deadline=None)
@given(floor=FIELDS.map(_policy), asked=FIELDS.map(_policy))
def test_no_request_is_below_the_policy_under_which_it_opened(floor: Policy | None, asked: Policy | None) -> None:
    try:
        opened = tightened(floor, asked or Policy(), lambda: KNOWN)
    except PolicyConflict:
        return
    as_published = Policy.model_validate_json(opened.model_dump_json())

    assert tightened(floor, as_published, lambda: KNOWN) == as_published
