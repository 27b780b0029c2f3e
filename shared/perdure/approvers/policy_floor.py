"""Joins the operator's policy with the author's: the operator's is a floor, and the author may only tighten it.

Only fields that a policy sets count; a default says nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Any, Final

from pydantic import ValidationError

from perdure.approvers.directory import Directory
from perdure.contracts import Escalation, Policy
from perdure.errors import PerdureError

__all__ = ["PolicyConflict", "says_proxies", "tightened", "with_proxies_decided"]


class _Proxies(IntEnum):
    """What a policy accepts of proxies, the strictest first."""

    NONE = 0
    ONE_VOTE = 1
    DISTINCT_PEOPLE = 2


_AUTHORS_OWN: Final = ("remind_every",)
"""Fields that loosen nothing: the author's value counts if there is one."""


class PolicyConflict(PerdureError):
    """The operator's and the author's policy cannot be met together."""


def tightened(floor: Policy | None, asked: Policy, approvers: Callable[[], Directory]) -> Policy:
    """Return the policy of a request.

    Args:
        floor: The operator's policy, if there is one.
        asked: The author's policy; fields that the author did not set are not in its ``model_fields_set``.
        approvers: Returns the approvers; they matter if one policy names roles that the other does not.

    Raises:
        PolicyConflict: Nobody may vote by both policies, or so few that the quorum cannot be met.
    """
    if floor is None:
        return with_proxies_decided(asked)
    people, roles = _who(floor, asked, approvers)
    timeout, silence = _silence(floor, asked)
    joined: dict[str, Any] = {
        "people": people,
        "roles": roles,
        "quorum": max(floor.quorum, asked.quorum),
        "role_quorums": _role_quorums(floor, asked),
        "rejections": min(_said(floor, asked, "rejections")),
        "veto_roles": _veto_roles(floor, asked),
        "requester_may_answer": all(_said(floor, asked, "requester_may_answer")),
        "excluded": _both(floor.excluded, asked.excluded),
        "escalate": _escalate(floor, asked),
        "timeout": timeout,
        "silence": silence,
        **{name: _said(floor, asked, name)[-1] for name in _AUTHORS_OWN},
    }
    try:
        policy = Policy.model_validate(joined)
    except ValidationError as error:
        what = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise PolicyConflict(f"The workflow's and the operator's approval policy cannot both be met: {what}") from error
    return _with_level(policy, _joined_level(floor, asked, policy))


def with_proxies_decided(policy: Policy) -> Policy:
    """Return a policy that says whether proxies may sign: if it did not, they may where one vote decides all."""
    return _with_level(policy, _joined_level(None, policy, policy))


def says_proxies(policy: Policy) -> bool:
    """Return whether a policy says itself what it accepts of proxies."""
    return bool({"proxies", "distinct_people"} & policy.model_fields_set)


def _said(floor: Policy, asked: Policy, name: str) -> list[Any]:
    """Return the floor's value, then the author's if there is one."""
    return [getattr(policy, name) for policy in (floor, asked) if policy is floor or name in policy.model_fields_set]


def _both(*lists: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in lists for name in names))


def _who(floor: Policy, asked: Policy, approvers: Callable[[], Directory]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the people and the roles that may vote by both policies."""
    if not (asked.people or asked.roles):
        return (floor.people, floor.roles) if not asked.role_quorums else ((), ())
    if not floor.is_limited:
        return asked.people, asked.roles
    roles = tuple(role for role in asked.roles if role in floor.voting_roles)
    people = dict.fromkeys(name for name in asked.people if name in floor.people)
    for name, approver in approvers().approvers.items():
        held = set(approver.roles)
        by_floor = name in floor.people or held & {*floor.voting_roles, *floor.veto_roles}
        if by_floor and (name in asked.people or held & set(asked.roles)) and not held & set(roles):
            people[name] = None
    if not people and not roles:
        raise PolicyConflict(
            f"The workflow lets only {_names(asked)} vote, the operator's policy only {_names(floor)}: nobody is both."
        )
    return tuple(people), roles


def _role_quorums(floor: Policy, asked: Policy) -> Mapping[str, int]:
    _refuse_outsiders(floor, asked.role_quorums, "requires votes of")
    roles = _both(floor.role_quorums, asked.role_quorums)
    return {role: max(floor.role_quorums.get(role, 0), asked.role_quorums.get(role, 0)) for role in roles}


def _veto_roles(floor: Policy, asked: Policy) -> tuple[str, ...]:
    _refuse_outsiders(floor, asked.veto_roles, "gives a veto to")
    return _both(floor.veto_roles, asked.veto_roles)


def _refuse_outsiders(floor: Policy, roles: Iterable[str], does: str) -> None:
    """Refuse roles of the author that would let people vote whom the operator did not name."""
    outside = [role for role in roles if role not in {*floor.voting_roles, *floor.veto_roles}]
    if floor.is_limited and outside:
        raise PolicyConflict(
            f"The workflow {does} role {', '.join(outside)}, and the operator's policy lets only {_names(floor)} vote: "
            "add the role there."
        )


def _escalate(floor: Policy, asked: Policy) -> tuple[Escalation, ...]:
    """Return the operator's ladder if there is one, else that part of the author's which stays among the operator's."""
    if floor.escalate or not floor.is_limited:
        return floor.escalate or asked.escalate
    kept = []
    for rung in asked.escalate:
        people = tuple(name for name in rung.people if name in floor.people)
        roles = tuple(role for role in rung.roles if role in floor.voting_roles)
        if people or roles:
            kept.append(rung.model_copy(update={"people": people, "roles": roles}))
    return tuple(kept)


def _silence(floor: Policy, asked: Policy) -> tuple[Any, str]:
    """Return the timeout and its result: silence may become an approval only when and as soon as the operator says."""
    if floor.silence == "approve" and "approve" in _said(floor, asked, "silence")[-1:]:
        return floor.timeout, "approve"
    timeouts = [policy.timeout for policy in (floor, asked) if policy.timeout is not None]
    return min(timeouts, default=None), "reject"


def _level(policy: Policy) -> _Proxies:
    if not policy.proxies:
        return _Proxies.NONE
    return _Proxies.DISTINCT_PEOPLE if policy.distinct_people else _Proxies.ONE_VOTE


def _joined_level(floor: Policy | None, asked: Policy, joined: Policy) -> _Proxies:
    by_floor: _Proxies | None = None
    if floor is not None:
        by_floor = _level(floor) if says_proxies(floor) else _Proxies.NONE if floor.needs_several else _Proxies.ONE_VOTE
    if says_proxies(asked):
        return _level(asked) if by_floor is None or _level(asked) < by_floor else by_floor
    if by_floor is not None and (says_proxies(floor or asked) or not joined.needs_several):
        return by_floor
    return _Proxies.NONE if joined.needs_several else _Proxies.ONE_VOTE


def _with_level(policy: Policy, level: _Proxies) -> Policy:
    return policy.model_copy(
        update={"proxies": level != _Proxies.NONE, "distinct_people": level == _Proxies.DISTINCT_PEOPLE}
    )


def _names(policy: Policy) -> str:
    roles = _both(policy.voting_roles, policy.veto_roles)
    return ", ".join([*policy.people, *(f"role {role}" for role in roles)])
