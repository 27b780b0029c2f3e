"""Finds approval policies that cannot work as they are written: unknown names, and quorums that nobody can reach."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Final

from perdure.approvers.directory import Directory
from perdure.approvers.eligibility import is_asked
from perdure.contracts import Policy
from perdure.values.nearest import nearest
from perdure.values.role_quorums import missing_votes

__all__ = ["policy_problems"]

_ANY_WORKFLOW: Final = "*"


def policy_problems(
    policies: Mapping[str, Policy], known: Directory, now: datetime, *, workflows: Collection[str] | None = None
) -> list[str]:
    """Return a sentence for each problem, with the key of the configuration.

    Args:
        policies: The section ``approvals.policies``.
        known: The approvers file.
        now: The current time (UTC); it decides which delegations and keys hold.
        workflows: The registered workflows; None if they are not known, and names of workflows are not checked.
    """
    return [
        f"approvals.policies.{workflow}: {problem}"
        for workflow, policy in policies.items()
        for problem in (*_workflow(workflow, workflows), *_names(policy, known), *_quorum(policy, known, now))
    ]


def _workflow(name: str, workflows: Collection[str] | None) -> Iterator[str]:
    if workflows is not None and name != _ANY_WORKFLOW and name not in workflows:
        yield f"no module registers a workflow {name}{nearest(name, set(workflows))}"


def _names(policy: Policy, known: Directory) -> Iterator[str]:
    rungs = policy.escalate
    roles = {role for approver in known.approvers.values() for role in approver.roles}
    for person in dict.fromkeys([*policy.people, *(name for rung in rungs for name in rung.people)]):
        if person not in known.approvers:
            yield f"the approvers file knows no {person}{nearest(person, set(known.approvers))}"
    for role in dict.fromkeys(
        [*policy.voting_roles, *policy.veto_roles, *(name for rung in rungs for name in rung.roles)]
    ):
        if role not in roles:
            yield f"nobody has the role {role}{nearest(role, roles)}"


def _quorum(policy: Policy, known: Directory, now: datetime) -> Iterator[str]:
    also = {name for rung in policy.escalate for name in (*rung.people, *rung.roles)}
    able = [name for name in known.approvers if _can_sign(name, policy, known, now)]
    asked = [name for name in able if is_asked(known, name, policy, now, also=also)]
    if len(asked) < policy.quorum:
        who = f"only {', '.join(sorted(asked))}" if asked else "nobody"
        advice = "add people with `perdure approvers add`, or lower the quorum."
        yield f"{policy.quorum} must approve, and {who} can: {advice}"
    roles = [known.represented(name, now)[1] for name in asked]
    for role, count in missing_votes(policy.role_quorums, roles).items():
        yield f"role_quorums: {count} more with the role {role} must approve than can, each counted for one role"


def _can_sign(name: str, policy: Policy, known: Directory, now: datetime) -> bool:
    """Return whether somebody has a valid key, or a proxy that the policy accepts has one and may sign for them."""
    proxies = [it for it in known.proxies.values() if policy.proxies and (not it.people or name in it.people)]
    keys = [*known.approvers[name].keys, *(key for proxy in proxies for key in proxy.keys)]
    return any(key.revoked is None or key.revoked > now for key in keys)
