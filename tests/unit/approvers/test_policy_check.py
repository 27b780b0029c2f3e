from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure.approvers import Approver, Away, Directory, Proxy, PublicKey, SigningKey, policy_problems, unknown_workflow
from perdure.contracts import Policy

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def key(**more: Any) -> tuple[PublicKey]:
    return (PublicKey(public=SigningKey.new().public, **more),)


PEOPLE = Directory(
    approvers={
        "ada": Approver(keys=key(), roles=("legal",)),
        "bob": Approver(keys=key(), roles=("legal", "chief")),
        "eve": Approver(keys=key(revoked=NOW - timedelta(days=1)), roles=("chief",)),
        "tom": Approver(roles=("support",)),
    }
)


def problems(policy: dict[str, Any], known: Directory = PEOPLE, workflow: str = "Refund") -> list[str]:
    return policy_problems({workflow: Policy.model_validate(policy)}, known, NOW)


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"quorum": 2},
        {"roles": ["legal"], "quorum": 2},
        {"people": ["ada"], "veto_roles": ["chief"]},
        {"people": ["ada"], "quorum": 2, "escalate": [{"after": "1h", "people": ["bob"]}]},
    ],
)
def test_a_policy_that_can_be_met_has_no_problem(policy: dict[str, Any]) -> None:
    assert problems(policy) == []
    assert problems(policy, workflow="*") == []


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        ({"quorum": 3}, "3 must approve, and only ada, bob can"),
        ({"roles": ["chief"], "quorum": 2}, "2 must approve, and only bob can"),
        ({"roles": ["support"]}, "1 must approve, and nobody can"),
        ({"roles": ["legal"], "quorum": 2, "excluded": ["bob"]}, "2 must approve, and only ada can"),
        ({"roles": ["legal"], "rejections": 3}, "3 must reject, and only ada, bob can"),
        ({"veto_roles": ["support"]}, "support may veto, and nobody of that role can sign"),
        (
            {"roles": ["legal"], "escalate": [{"after": "1h", "roles": ["support"], "instead": True}]},
            "after 1:00:00 nobody can vote: role support",
        ),
        ({"people": ["adda", "bob"]}, "the approvers file knows no adda: did you mean ada?"),
        ({"roles": ["legal"], "veto_roles": ["cheif"]}, "nobody has the role cheif: did you mean chief?"),
        (
            {"roles": ["legal"], "escalate": [{"after": "1h", "roles": ["board"]}]},
            "nobody has the role board; there are: chief, legal, support",
        ),
    ],
)
def test_a_policy_that_cannot_work_is_reported_with_its_key(policy: dict[str, Any], problem: str) -> None:
    (found,) = problems(policy)

    assert found.startswith(f"approvals.policies.Refund: {problem}")


def test_a_policy_of_an_unknown_workflow_is_named_with_the_nearest_one() -> None:
    assert unknown_workflow("Refnud", ["Refund", "Order"]).startswith(
        "approvals.policies.Refnud: no module registers a workflow Refnud: did you mean Refund?"
    )
    assert unknown_workflow("Order", ["Refund", "Order"]) == ""
    assert unknown_workflow("*", []) == ""


def test_a_proxy_lets_people_without_a_key_of_their_own_vote_unless_the_policy_refuses_proxies() -> None:
    known = PEOPLE.model_copy(update={"proxies": {"notifier": Proxy(keys=key(), people=("tom",))}})

    assert problems({"roles": ["support"]}, known) == []
    assert len(problems({"roles": ["support"], "proxies": False}, known)) == 1


def test_a_delegate_may_vote_instead_and_counts_with_the_absent_approver_as_one() -> None:
    away = Approver(keys=key(), roles=("board",), away=Away(to=("ada", "bob")))
    known = PEOPLE.model_copy(update={"approvers": {**PEOPLE.approvers, "ida": away}})

    assert problems({"people": ["ida"], "quorum": 1}, known) == []
    assert problems({"roles": ["board"], "quorum": 2}, known) == []  # ada and bob, who both may vote for ida
    (found,) = problems({"people": ["ada", "ida"], "quorum": 2}, with_delegate(known, "ada"))
    assert "2 must approve, and only ada, ida can" in found


def with_delegate(known: Directory, name: str) -> Directory:
    ida = known.approvers["ida"].model_copy(update={"away": Away(to=(name,))})
    return known.model_copy(update={"approvers": {**known.approvers, "ida": ida}})
