"""Who may vote on a request: by its policy, and by the escalations that have happened."""

from collections.abc import Collection
from datetime import datetime

from perdure.approvers.directory import Directory
from perdure.contracts import ApprovalRequested, Escalation, Policy

__all__ = ["escalated", "is_asked", "may_vote"]


def may_vote(  # noqa: PLR0913 (what eligibility depends on)
    known: Directory,
    person: str,
    request: ApprovalRequested,
    now: datetime,
    *,
    policy: Policy | None = None,
    also: Collection[str] = (),
) -> bool:
    """Return whether a person may vote, for themselves or as a delegate.

    Args:
        known: The approvers file.
        person: Name of the person.
        request: The request, as opened.
        now: The current time (UTC); it decides which delegations hold.
        policy: Its policy after the escalations so far, as ``escalated`` returns it; by default as opened.
        also: Names of people and roles that an escalation has added to the policy.
    """
    names, _ = known.represented(person, now)
    if request.requester in names and not request.policy.requester_may_answer:
        return False
    if names & set(request.policy.excluded):
        return False
    return is_asked(known, person, policy or request.policy, now, also=also)


def is_asked(known: Directory, person: str, policy: Policy, now: datetime, *, also: Collection[str] = ()) -> bool:
    """Return whether a policy lets a person vote, whoever the requester is; see ``may_vote``."""
    names, roles = known.represented(person, now)
    if not policy.is_limited:
        return person in known.approvers
    eligible_names, eligible_roles = {*policy.people, *also}, {*policy.voting_roles, *policy.veto_roles, *also}
    return bool(eligible_names & names or eligible_roles & roles)


def escalated(policy: Policy, count: int) -> Policy:
    """Return the policy of a request after so many escalations: who may vote now. The digest covers it as opened."""
    for rung in policy.rungs[:count]:
        policy = _after_escalation(policy, rung)
    return policy


def _after_escalation(policy: Policy, rung: Escalation) -> Policy:
    """Apply an escalation to a policy, as ``Ballot.add_approvers`` does inside the run."""
    if rung.instead:
        vetoing = tuple(role for role in policy.veto_roles if role in rung.roles)  # others may no longer vote or veto
        return policy.model_copy(update={"people": rung.people, "roles": rung.roles, "veto_roles": vetoing})
    if not policy.is_limited:
        return policy  # every approver may vote already
    people, roles = dict.fromkeys((*policy.people, *rung.people)), dict.fromkeys((*policy.roles, *rung.roles))
    return policy.model_copy(update={"people": tuple(people), "roles": tuple(roles)})
