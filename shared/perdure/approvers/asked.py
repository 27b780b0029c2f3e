"""Who is asked by a request's policy."""

from collections.abc import Collection
from datetime import datetime

from perdure.approvers.directory import Directory
from perdure.contracts import ApprovalRequested

__all__ = ["may_answer"]


def may_answer(
    known: Directory, person: str, request: ApprovalRequested, now: datetime, *, also: Collection[str] = ()
) -> bool:
    """Tell whether somebody may answer, for themselves or for those whom they stand in for.

    Args:
        known: The people that there are.
        person: Who.
        request: What they would answer.
        now: When (UTC).
        also: People and roles that an escalation has reached; what it made of the policy is only known to the run.
    """
    policy, (names, roles) = request.policy, known.represented(person, now)
    if request.requester in names and not policy.requester_may_answer:
        return False
    if not (policy.people or policy.roles):
        return person in known.approvers
    asked = {*policy.people, *also}, {*policy.roles, *policy.veto_roles, *also}
    return bool(asked[0] & names or asked[1] & roles)
