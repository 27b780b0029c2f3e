"""Who is asked by a request's policy, and by what escalations have made of it."""

from collections.abc import Collection
from datetime import datetime

from perdure.approvers.directory import Directory
from perdure.contracts import ApprovalRequested, Escalation, Policy

__all__ = ["escalated", "may_answer"]


def may_answer(
    known: Directory, person: str, request: ApprovalRequested, now: datetime, *, also: Collection[str] = ()
) -> bool:
    """Tell whether somebody may answer, for themselves or for those whom they stand in for.

    Args:
        known: The people that there are.
        person: Who.
        request: What they would answer.
        now: When (UTC).
        also: People and roles that an escalation has reached, where the request is as it was asked.
    """
    policy, (names, roles) = request.policy, known.represented(person, now)
    if request.requester in names and not policy.requester_may_answer:
        return False
    if not (policy.people or policy.roles):
        return person in known.approvers
    asked = {*policy.people, *also}, {*policy.roles, *policy.veto_roles, *also}
    return bool(asked[0] & names or asked[1] & roles)


def escalated(request: ApprovalRequested, count: int) -> ApprovalRequested:
    """Return a request with its policy as it stands after so many rungs; the digest does not cover it."""
    policy = request.policy
    for rung in policy.rungs[:count]:
        policy = _climbed(policy, rung)
    return request.model_copy(update={"policy": policy})


def _climbed(policy: Policy, rung: Escalation) -> Policy:
    """Do to a policy what the run does to its poll."""
    if rung.instead:
        vetoing = tuple(role for role in policy.veto_roles if role in rung.roles)  # who may not answer vetoes nothing
        return policy.model_copy(update={"people": rung.people, "roles": rung.roles, "veto_roles": vetoing})
    if not (policy.people or policy.roles):
        return policy  # everybody may already
    people, roles = dict.fromkeys((*policy.people, *rung.people)), dict.fromkeys((*policy.roles, *rung.roles))
    return policy.model_copy(update={"people": tuple(people), "roles": tuple(roles)})
