"""The operator's policies: conditions over the action, and what must be said about proxies."""

from typing import Any

import pytest
from pydantic import ValidationError

from perdure.approvers.operator_policies import OperatorPolicies, undecided_proxies
from perdure.config.approvals import ApprovalSettings
from perdure.contracts import Policy
from perdure.errors import SetupError


def policies(**by_workflow: Any) -> OperatorPolicies:
    return OperatorPolicies(ApprovalSettings(policies=by_workflow).policies)


def floor(action: Any, **tightening: Any) -> Policy:
    policy = {"roles": ["finance"], "tighten": [{"when": "action.amount > 1000", **tightening}]}
    found = policies(Refund=policy).floor("Refund", {"action": action, "details": None, "severity": "low", "title": ""})
    assert found is not None
    return found


@pytest.mark.parametrize(("amount", "quorum"), [(1000, 1), (1001, 2), (10.5, 1), (1e9, 2)])
def test_a_condition_over_the_action_raises_the_quorum(amount: float, quorum: int) -> None:
    assert floor({"amount": amount}, quorum=2).quorum == quorum


@pytest.mark.parametrize("action", [None, {}, {"amount": "9"}, {"amount": 2**70}, "amount"])
def test_an_action_that_hides_what_the_condition_reads_does_not_escape_it(action: Any) -> None:
    assert floor(action, quorum=2).quorum == 2


def test_a_condition_may_demand_roles_vetoes_and_own_keys() -> None:
    policy = floor({"amount": 2000}, role_quorums={"cfo": 1}, veto_roles=["legal"], proxies=False)

    assert (policy.role_quorums, policy.veto_roles, policy.proxies) == ({"cfo": 1}, ("legal",), False)


@pytest.mark.parametrize(
    ("when", "sentence"),
    [
        ("action.amount >", r"approvals\.policies\.Refund\.tighten\.0\.when is not CEL"),
        ("data.amount > 1", r"uses data, which no request has"),
        ("action.to.startswith('A')", r"when calls startswith, which CEL does not have: did you mean startsWith"),
    ],
)
def test_a_condition_that_cannot_be_read_is_an_error_with_its_key(when: str, sentence: str) -> None:
    with pytest.raises(SetupError, match=sentence):
        policies(Refund={"tighten": [{"when": when, "quorum": 2}]})


def test_a_tightening_that_nobody_could_meet_is_an_error() -> None:
    with pytest.raises(SetupError, match=r"tighten cannot be met: 2 people must approve, but only ada may"):
        policies(Refund={"people": ["ada"], "tighten": [{"when": "true", "quorum": 2}]})


def test_the_star_is_for_all_other_workflows() -> None:
    found = policies(Refund={"quorum": 2}, **{"*": {"quorum": 3}})

    assert [getattr(found.floor(name, {}), "quorum", None) for name in ("Refund", "Other")] == [2, 3]
    assert policies(Refund={}).floor("Other", {}) is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [(True, (True, False)), (False, (False, False)), ({"distinct_people": True}, (True, True)), ({}, (True, False))],
)
def test_what_proxies_may_do_is_one_key(given: Any, expected: tuple[bool, bool]) -> None:
    policy = ApprovalSettings(policies={"*": {"proxies": given}}).policies["*"]

    assert (policy.proxies, policy.distinct_people) == expected


def test_an_unknown_key_under_proxies_is_refused() -> None:
    with pytest.raises(ValidationError, match="distinct_peple"):
        ApprovalSettings(policies={"*": {"proxies": {"distinct_peple": True}}})


@pytest.mark.parametrize(
    "policy",
    [
        {"quorum": 2},
        {"veto_roles": ["legal"]},
        {"role_quorums": {"finance": 1, "legal": 1}},
        {"tighten": [{"when": "true", "quorum": 2}]},
    ],
)
def test_a_policy_that_needs_several_people_must_say_what_proxies_may_do_if_there_is_one(policy: Any) -> None:
    def sentences(*proxies: str, **more: Any) -> list[str]:
        return list(undecided_proxies(ApprovalSettings(policies={"Refund": {**policy, **more}}).policies, proxies))

    (sentence,) = sentences("notifier")

    assert sentence.startswith("approvals.policies.Refund needs several people or has a veto, and notifier may sign")
    assert "add the line `proxies: false`" in sentence
    assert [*sentences("notifier", proxies=False), *sentences()] == []
