"""The reference model of votes: who may vote, whose votes are one, and how they are counted."""

from datetime import timedelta
from itertools import permutations

from tests.support.scenarios.request import Request
from tests.support.scenarios.scenario import StoredDecision

__all__ = ["count", "is_one_vote", "may_vote", "votes"]


def votes(accepted: list[StoredDecision]) -> list[StoredDecision]:
    """Return each approver's last decision, unless it is a withdrawal."""
    last = {it.decision.who: it.place for it in accepted}
    return [it for it in accepted if it.place == last[it.decision.who] and it.decision.choice != "withdraw"]


def may_vote(request: Request, stored: StoredDecision, since: timedelta) -> bool:
    """Return whether somebody may vote so long after the request was opened."""
    names = {stored.decision.who, *stored.absent}
    if request.requester in names and not request.requester_may_answer:
        return False
    return _is_asked(request, names, set(stored.roles), since)


def is_one_vote(request: Request, counted: list[StoredDecision], stored: StoredDecision, since: timedelta) -> bool:
    """Return whether one person, or one proxy, would vote twice."""
    decision = stored.decision
    for vote in counted:
        if decision.who in {*vote.absent, vote.decision.who} or vote.decision.who in stored.absent:
            return True
        if set(vote.absent) & set(stored.absent) and not any(
            _is_asked(request, {it.decision.who}, set(it.own_roles), since) for it in (vote, stored)
        ):
            return True
        one_proxy = vote.decision.proxy and decision.proxy and vote.decision.choice == decision.choice
        if one_proxy and not request.distinct_people and not _is_veto(request, stored):
            return True
    return False


def count(request: Request, counted: list[StoredDecision]) -> tuple[str, list[str]]:
    """Return how the votes end a request, and whose votes do."""
    approvals = [it for it in counted if it.decision.choice == "approve"]
    rejections = [it for it in counted if it.decision.choice == "reject"]
    if len(rejections) >= request.rejections or any(_is_veto(request, it) for it in rejections):
        return "reject", [it.decision.who for it in rejections]
    if len(approvals) >= request.quorum and _fill_all_places(request, approvals):
        return "approve", [it.decision.who for it in approvals]
    return "withdrawn", []


def _fill_all_places(request: Request, approvals: list[StoredDecision]) -> bool:
    """Return whether the approvers can be seated so that each role has its holders; nobody takes two seats."""
    places = [role for role, needed in request.role_quorums for _ in range(needed)]
    seatings = permutations(approvals, len(places))
    return any(all(role in it.roles for role, it in zip(places, seated, strict=True)) for seated in seatings)


def _is_veto(request: Request, stored: StoredDecision) -> bool:
    return stored.decision.choice == "reject" and bool(set(stored.roles) & set(request.veto_roles))


def _is_asked(request: Request, names: set[str], roles: set[str], since: timedelta) -> bool:
    voting = (*request.roles, *(role for role, _ in request.role_quorums))
    limited = bool(request.people or voting)
    groups = [(request.people, (*voting, *request.veto_roles), limited)]
    for step in sorted(request.escalations, key=lambda it: it.after):
        if request.span(step.after) <= since:
            groups = [*([] if step.instead else groups), (step.people, step.roles, True)]
    return any(not limited or names & set(people) or roles & set(asked) for people, asked, limited in groups)
