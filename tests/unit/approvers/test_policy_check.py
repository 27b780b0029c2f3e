from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure.approvers import Approver, Away, Directory, Proxy, PublicKey, SigningKey, policy_problems
from perdure.contracts import Policy

NOW = datetime(2026, 11, 28, tzinfo=UTC)
KEY = PublicKey(public=SigningKey.new().public)
REVOKED = KEY.model_copy(update={"revoked": NOW - timedelta(days=1)})
PEOPLE = Directory(
    approvers={
        "ada": Approver(keys=(KEY,), roles=("legal",)),
        "bob": Approver(keys=(KEY,), roles=("legal", "chief")),
        "eve": Approver(keys=(REVOKED,), roles=("chief",)),
        "tom": Approver(roles=("support",)),
    }
)


def problems(policy: dict[str, Any], known: Directory = PEOPLE, workflow: str = "Refund") -> list[str]:
    return policy_problems({workflow: Policy.model_validate(policy)}, known, NOW, workflows=["Refund", "Order"])


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


def test_a_policy_of_an_unknown_workflow_is_reported_unless_the_workflows_are_not_known() -> None:
    assert problems({}, workflow="Refnud") == [
        "approvals.policies.Refnud: no module registers a workflow Refnud: did you mean Refund?"
    ]
    assert policy_problems({"Refnud": Policy()}, PEOPLE, NOW) == []


def test_a_proxy_lets_people_without_a_key_of_their_own_vote_unless_the_policy_refuses_proxies() -> None:
    known = PEOPLE.model_copy(update={"proxies": {"notifier": Proxy(keys=(KEY,), people=("tom",))}})

    assert problems({"roles": ["support"]}, known) == []
    assert len(problems({"roles": ["support"], "proxies": False}, known)) == 1


def test_a_delegate_counts_for_a_quorum() -> None:
    away = Approver(keys=(KEY,), roles=("board",), away=Away(to=("ada",)))
    known = PEOPLE.model_copy(update={"approvers": {**PEOPLE.approvers, "ida": away}})

    assert problems({"roles": ["board"], "quorum": 2}, known) == []
