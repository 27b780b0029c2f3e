"""Random scenarios, with three people in each, so that their decisions interact."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import combinations
from typing import Any, Final

import cel  # noqa: F401 (its first import uses `random`, which hypothesis refuses inside of strategies)
from hypothesis import strategies as st

from tests.support.scenarios.actions import (
    Action,
    Assign,
    Decide,
    Forge,
    KillWorker,
    Leave,
    PassTime,
    Repeat,
    Return,
    Revoke,
)
from tests.support.scenarios.floor import Floor, Tightening
from tests.support.scenarios.population import ROLES
from tests.support.scenarios.request import EscalationStep, Request, RoleQuorums
from tests.support.scenarios.resolved_policy import can_be_met
from tests.support.scenarios.scenario import Scenario

Group = tuple[str, ...]

GROUPS: Final = st.sampled_from(list(combinations(sorted(ROLES), 3)))
NOBODY: Final = st.just(tuple[str, ...]())
SOME_ROLES: Final = st.sampled_from([("editor",), ("legal",), ("editor", "legal")])
ROLE_QUORUMS: Final = st.sampled_from(
    [*[RoleQuorums()] * 4, (("editor", 1),), (("editor", 1), ("legal", 1)), (("editor", 2),)]
)
FLAWS: Final = ["unsigned", "forged", "unknown_key", "revoked_key"]

PASSES_OF_TIME: Final = st.builds(PassTime, hours=st.integers(1, 3))
REPEATS: Final = st.builds(Repeat, of=st.integers(0, 9), same_place=st.booleans())
KILLS: Final = st.builds(KillWorker, missed=st.integers(0, 3), bridge=st.integers(0, 3), reverse=st.booleans())


def scenarios(*, flawed: bool, longest: int) -> st.SearchStrategy[Scenario]:
    """Return scenarios of one run with one or two requests.

    Args:
        flawed: Whether some decisions are not signed by the approver whom they name, signals are forged, keys are
            revoked, and runs continue as new.
        longest: The largest number of actions.
    """
    shapes = st.tuples(GROUPS, st.integers(1, 2), st.integers(1, longest))
    return shapes.flatmap(lambda shape: _scenarios(*shape, flawed=flawed))


@cache
def _scenarios(group: Group, requests: int, length: int, *, flawed: bool) -> st.SearchStrategy[Scenario]:
    return st.builds(
        Scenario,
        requests=st.tuples(*(_requests(group, minutes) for minutes in (20, 25)[:requests])),
        actions=st.lists(_actions(group, requests, flawed=flawed), min_size=length, max_size=length).map(tuple),
        order=st.sampled_from(["all", "any", "in turn"]),
        lead=st.sampled_from([timedelta(), timedelta(hours=1, minutes=10)]),
        renews=st.booleans() if flawed else st.just(False),
        floor=st.none() | _floors(group, timed=requests == 1),
    ).map(_without_impossible_floor)


def _without_impossible_floor(scenario: Scenario) -> Scenario:
    """Leave out a floor that excludes what the author asks for, and edits of roles where people are named by roles."""
    if scenario.floor is None:
        return scenario
    if not can_be_met(scenario.requests, scenario.floor):
        return replace(scenario, floor=None)
    return replace(scenario, actions=tuple(it for it in scenario.actions if not isinstance(it, Assign)))


@cache
def _floors(group: Group, *, timed: bool) -> st.SearchStrategy[Floor]:
    """Return policies of the operator; one with a time limit fits one request, whose timers have its minutes."""
    some_people = st.lists(st.sampled_from(group), min_size=2, max_size=3, unique=True).map(tuple)
    tightenings = st.builds(
        Tightening,
        quorum=st.integers(1, 2),
        role_quorums=ROLE_QUORUMS,
        veto_roles=NOBODY | SOME_ROLES,
        proxies=st.booleans(),
    )
    return st.builds(
        Floor,
        people=NOBODY | some_people,
        roles=NOBODY | SOME_ROLES,
        quorum=st.integers(1, 2),
        role_quorums=ROLE_QUORUMS,
        rejections=st.integers(1, 2),
        veto_roles=NOBODY | SOME_ROLES,
        proxies=st.sampled_from([None, "none", "one", "distinct"]),
        requester_may_answer=st.booleans(),
        timeout=st.sampled_from([None, None, 3, 6]) if timed else st.none(),
        silence=st.sampled_from(["reject", "approve"]) if timed else st.just("reject"),
        dear=st.none() | tightenings,
    )


@cache
def _requests(group: Group, minutes: int) -> st.SearchStrategy[Request]:
    some_people = st.lists(st.sampled_from(group), min_size=1, max_size=2, unique=True).map(tuple)
    escalations = st.builds(
        EscalationStep,
        after=st.integers(1, 3),
        people=NOBODY | some_people,
        roles=NOBODY | SOME_ROLES,
        instead=st.booleans(),
    )
    return st.builds(
        Request,
        people=NOBODY | some_people,
        roles=NOBODY | SOME_ROLES,
        quorum=st.sampled_from([1, 2, 2, 3]),
        role_quorums=ROLE_QUORUMS,
        rejections=st.integers(1, 2),
        veto_roles=NOBODY | SOME_ROLES,
        proxies=st.booleans(),
        distinct_people=st.booleans(),
        requester=st.sampled_from([None, None, *group]),
        requester_may_answer=st.booleans(),
        remind_every=st.none() | st.integers(1, 3),
        escalations=st.lists(escalations, max_size=2).map(tuple),
        timeout=st.sampled_from([None, None, None, None, 3, 5, 7, 0]),
        silence=st.sampled_from(["reject", "approve"]),
        minutes=st.just(minutes),
        amount=st.sampled_from([None, 5, 1000, 1001]),
    ).filter(_can_be_met)


def _can_be_met(request: Request) -> bool:
    try:
        return bool(request.policy)
    except ValueError:
        return False


@cache
def _actions(group: Group, requests: int, *, flawed: bool) -> st.SearchStrategy[Action]:
    decisions = st.builds(
        Decide,
        who=st.sampled_from(group),
        choice=st.sampled_from(["approve", "approve", "reject", "withdraw"]),
        number=_mostly(*range(1, requests + 1), rarely=[requests + 1]),
        nonce=st.integers(1, 6),
        right_digest=_mostly(True, rarely=[False]),
        valid_hours=_mostly(None, rarely=[-1, 2, 4]),
        proxy=_mostly(False, rarely=[True]),
        flaw=_mostly(None, rarely=FLAWS if flawed else [None]),
    )
    forgeries = st.builds(
        Forge,
        who=st.sampled_from(group),
        choice=st.sampled_from(["approve", "reject", "withdraw"]),
        number=st.integers(1, requests),
        where=st.sampled_from(["nowhere", "gone", "stored"]),
        of=st.integers(0, 9),
    )
    somebody = st.sampled_from(group)
    edits = st.one_of(
        st.builds(Leave, who=somebody, to=st.lists(somebody, min_size=1, max_size=2, unique=True).map(tuple)),
        st.builds(Return, who=somebody),
        st.builds(Assign, who=somebody, roles=NOBODY | SOME_ROLES),
    )
    usual: list[st.SearchStrategy[Action]] = [PASSES_OF_TIME, REPEATS, KILLS, edits]
    others = st.one_of(*usual, *([forgeries, st.builds(Revoke, who=somebody)] if flawed else []))
    return st.sampled_from([decisions, decisions, others]).flatmap(lambda chosen: chosen)


def _mostly(*usual: Any, rarely: Sequence[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from([*usual * (16 // len(usual)), *rarely])
