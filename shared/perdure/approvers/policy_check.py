"""Finds approval policies that cannot work as they are written: unknown names, and quorums that nobody can reach."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Final

from perdure.approvers.directory import Directory
from perdure.approvers.eligibility import is_asked
from perdure.contracts import Policy
from perdure.values.nearest import nearest
from perdure.values.role_quorums import missing_votes

__all__ = ["policy_problems", "request_problems", "unknown_workflow"]

_ANY_WORKFLOW: Final = "*"


def policy_problems(policies: Mapping[str, Policy], known: Directory, now: datetime) -> list[str]:
    """Return a sentence for each problem, with the key of the configuration.

    Args:
        policies: The section ``approvals.policies``.
        known: The approvers file.
        now: The current time (UTC); it decides which delegations and keys hold.
    """
    return [
        f"approvals.policies.{workflow}: {problem}"
        for workflow, policy in policies.items()
        for problem in request_problems(policy, known, now)
    ]


def request_problems(policy: Policy, known: Directory, now: datetime) -> list[str]:
    """Return a sentence for each reason why a request with this policy cannot be decided as it says.

    Args:
        policy: The policy; whoever may not vote on the request is in ``excluded``.
        known: The approvers file.
        now: The current time (UTC); it decides which delegations and keys hold.
    """
    return [*_names(policy, known), *_quorum(policy, known, now)]


def unknown_workflow(name: str, workflows: Collection[str]) -> str:
    """Return the sentence on a policy for a workflow that is not registered; empty if it is."""
    if name in {_ANY_WORKFLOW, *workflows}:
        return ""
    return (
        f"approvals.policies.{name}: no module registers a workflow {name}{nearest(name, set(workflows), stop='.')} "
        "If a worker of your own runs it, this is no error."
    )


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
    excluded = set(policy.excluded)
    able = [
        name
        for name in known.approvers
        if _can_sign(name, policy, known, now) and not known.represented(name, now)[0] & excluded
    ]
    asked = [name for name in able if is_asked(known, name, policy, now, also=also)]
    who = f"only {', '.join(sorted(asked))}" if asked else "nobody"
    advice = "add people with `perdure approvers add`, or lower the number."
    votes = _separate_votes(asked, known, now)
    for number, verb in ((policy.quorum, "approve"), (policy.rejections, "reject")):
        if votes < number:
            yield f"{number} must {verb}, and {who} can: {advice}"
            return
    roles = [known.represented(name, now)[1] for name in asked]
    for role, count in missing_votes(policy.role_quorums, roles).items():
        yield f"role_quorums: {count} more with the role {role} must approve than can, each counted for one role"
    yield from _veto(policy, known, able)
    yield from _replacements(policy, known, able, now)


def _veto(policy: Policy, known: Directory, able: Collection[str]) -> Iterator[str]:
    roles = {role for name in able for role in known.approvers[name].roles}
    held = {role for approver in known.approvers.values() for role in approver.roles}
    for role in policy.veto_roles:
        if role in held and role not in roles:
            yield f"{role} may veto, and nobody of that role can sign: `perdure approvers add` makes keys."


def _replacements(policy: Policy, known: Directory, able: Collection[str], now: datetime) -> Iterator[str]:
    """Yield the escalations that take the vote from all others and give it to nobody."""
    for rung in policy.rungs:
        replaced = policy.model_copy(update={"people": rung.people, "roles": rung.roles, "veto_roles": ()})
        if rung.instead and not any(is_asked(known, name, replaced, now) for name in able):
            asked = ", ".join([*rung.people, *(f"role {role}" for role in rung.roles)])
            yield f"after {rung.after} nobody can vote: {asked} may instead of all others, and nobody of these can sign"


def _separate_votes(people: Collection[str], known: Directory, now: datetime) -> int:
    """Return how many votes the people have together: somebody who is away and a delegate have one.

    The count is exact unless delegations form a circle; then it may be too low by one.
    """
    others = {name: known.represented(name, now)[0] & set(people) - {name} for name in people}
    for name, absent in list(others.items()):
        for other in absent:
            others[other] = others[other] | {name}
    votes = 0
    while others:
        votes += 1
        chosen = min(others, key=lambda name: (len(others[name]), name))
        gone = {chosen, *others.pop(chosen)}
        others = {name: linked - gone for name, linked in others.items() if name not in gone}
    return votes


def _can_sign(name: str, policy: Policy, known: Directory, now: datetime) -> bool:
    """Return whether somebody has a valid key, or a proxy that the policy accepts has one and may sign for them."""
    approver = known.approvers[name]
    proxies = [it for it in known.proxies.values() if policy.proxies and it.may_sign_for(name, approver)]
    keys = [*approver.keys, *(key for proxy in proxies for key in proxy.keys)]
    return any(key.revoked is None or key.revoked > now for key in keys)
