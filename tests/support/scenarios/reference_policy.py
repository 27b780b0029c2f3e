"""The reference model of the operator's policy: what a request demands under it, whatever its author asks for."""

from collections.abc import Iterable
from dataclasses import replace

from tests.support.scenarios.floor import DEAR, Floor
from tests.support.scenarios.population import ROLES
from tests.support.scenarios.request import EscalationStep, Request, RoleQuorums

__all__ = ["effective"]

_OF_PROXIES = ("none", "one", "distinct")  # the strictest first


def effective(request: Request, floor: Floor | None) -> Request:
    """Return a request as it is opened: at least as strict as the operator's policy, and as its author's."""
    if floor is None:
        return request
    if floor.dear is not None and (request.amount is None or request.amount > DEAR):
        floor = replace(
            floor,
            quorum=max(floor.quorum, floor.dear.quorum),
            role_quorums=_larger(floor.role_quorums, floor.dear.role_quorums),
            veto_roles=_union(floor.veto_roles, floor.dear.veto_roles),
            proxies=floor.proxies if floor.dear.proxies else "none",
        )
    people, roles = _who(request, floor)
    proxies = min(_proxies_of(request), _proxies_of_floor(floor))
    by_silence = floor.silence == request.silence == "approve"
    timeouts = [floor.timeout] if by_silence else [floor.timeout, request.timeout]
    return replace(
        request,
        people=people,
        roles=roles,
        quorum=max(request.quorum, floor.quorum),
        role_quorums=_larger(request.role_quorums, floor.role_quorums),
        rejections=min(request.rejections, floor.rejections),
        veto_roles=_union(floor.veto_roles, request.veto_roles),
        proxies=proxies > 0,
        distinct_people=proxies > 1,
        requester_may_answer=request.requester_may_answer and floor.requester_may_answer,
        escalations=tuple(_kept(request.escalations, floor)),
        timeout=min((it for it in timeouts if it is not None), default=None),
        silence="approve" if by_silence else "reject",
    )


def _who(request: Request, floor: Floor) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not request.people and not request.roles:
        return ((), ()) if request.role_quorums else (floor.people, floor.roles)
    if not _is_limited(floor):
        return request.people, request.roles
    by_floor = _holders(floor.people, (*_voting(floor), *floor.veto_roles))
    return tuple(sorted(by_floor & _holders(request.people, request.roles))), ()


def _kept(escalations: Iterable[EscalationStep], floor: Floor) -> Iterable[EscalationStep]:
    """Return what is left of the author's escalations: nobody whom the operator did not name may vote later."""
    for step in escalations:
        people = tuple(name for name in step.people if name in floor.people)
        roles = tuple(role for role in step.roles if role in _voting(floor))
        if not _is_limited(floor):
            yield step
        elif people or roles:
            yield replace(step, people=people, roles=roles)


def _proxies_of(request: Request) -> int:
    return 0 if not request.proxies else 2 if request.distinct_people else 1


def _proxies_of_floor(floor: Floor) -> int:
    several = floor.quorum > 1 or sum(needed for _, needed in floor.role_quorums) > 1 or floor.veto_roles
    return _OF_PROXIES.index(floor.proxies or ("none" if several else "one"))


def _is_limited(floor: Floor) -> bool:
    return bool(floor.people or _voting(floor))


def _voting(floor: Floor) -> tuple[str, ...]:
    return (*floor.roles, *(role for role, _ in floor.role_quorums))


def _holders(people: Iterable[str], roles: Iterable[str]) -> set[str]:
    return {*people, *(name for name, held in ROLES.items() if set(held) & set(roles))}


def _larger(*quorums: RoleQuorums) -> RoleQuorums:
    needed: dict[str, int] = {}
    for role, count in (pair for it in quorums for pair in it):
        needed[role] = max(count, needed.get(role, 0))
    return tuple(needed.items())


def _union(*lists: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in lists for name in names))
