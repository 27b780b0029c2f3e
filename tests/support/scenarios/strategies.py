"""Stories that nobody thought of, with few people in each, so that they meet."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from itertools import combinations
from typing import Any, Final

from hypothesis import strategies as st

from tests.support.scenarios.scenario import ROLES, Again, Ask, Die, Pass, Rung, Say, Step, Story

Group = tuple[str, ...]

GROUPS: Final = st.sampled_from(list(combinations(sorted(ROLES), 3)))
NOBODY: Final = st.just(tuple[str, ...]())
SOME_ROLES: Final = st.sampled_from([("editor",), ("legal",), ("editor", "legal")])
FLAWS: Final = ["unsigned", "forged", "unknown_key", "revoked_key"]

PASSES: Final = st.builds(Pass, hours=st.integers(1, 3))
AGAIN: Final = st.builds(Again, of=st.integers(0, 9), same_place=st.booleans())
DEATHS: Final = st.builds(Die, missed=st.integers(0, 3), bridge=st.integers(0, 3))


def stories(*, flawed: bool, longest: int) -> st.SearchStrategy[Story]:
    """Tell of one run with one or two requests.

    Args:
        flawed: Some decisions are not of the person whom they name.
        longest: The number of steps at most.
    """
    shapes = st.tuples(GROUPS, st.integers(1, 2), st.integers(1, longest))
    return shapes.flatmap(lambda shape: _stories(*shape, flawed=flawed))


@cache
def _stories(group: Group, requests: int, length: int, *, flawed: bool) -> st.SearchStrategy[Story]:
    return st.builds(
        Story,
        asks=st.tuples(*(_asks(group, minutes) for minutes in (20, 25)[:requests])),
        steps=st.lists(_steps(group, requests, flawed=flawed), min_size=length, max_size=length).map(tuple),
        order=st.sampled_from(["all", "any", "in turn"]),
        lead=st.sampled_from([timedelta(), timedelta(hours=1, minutes=10)]),
    )


@cache
def _asks(group: Group, minutes: int) -> st.SearchStrategy[Ask]:
    some_people = st.lists(st.sampled_from(group), min_size=1, max_size=2, unique=True).map(tuple)
    rungs = st.builds(
        Rung, after=st.integers(1, 3), people=NOBODY | some_people, roles=NOBODY | SOME_ROLES, instead=st.booleans()
    )
    return st.builds(
        Ask,
        people=NOBODY | some_people,
        roles=NOBODY | SOME_ROLES,
        quorum=st.sampled_from([1, 2, 2, 3]),
        rejections=st.integers(1, 2),
        veto_roles=NOBODY | SOME_ROLES,
        proxies=st.booleans(),
        requester=st.sampled_from([None, None, *group]),
        requester_may_answer=st.booleans(),
        remind_every=st.none() | st.integers(1, 3),
        ladder=st.lists(rungs, max_size=2).map(tuple),
        timeout=st.sampled_from([None, None, None, None, 3, 5, 7, 0]),
        silence=st.sampled_from(["reject", "approve"]),
        minutes=st.just(minutes),
    ).filter(_can_be_met)


def _can_be_met(ask: Ask) -> bool:
    try:
        return bool(ask.policy)
    except ValueError:
        return False


@cache
def _steps(group: Group, requests: int, *, flawed: bool) -> st.SearchStrategy[Step]:
    says = st.builds(
        Say,
        who=st.sampled_from(group),
        word=st.sampled_from(["approve", "approve", "reject", "withdraw"]),
        about=_mostly(*range(1, requests + 1), rarely=[requests + 1]),
        nonce=st.integers(1, 6),
        saw=_mostly(True, rarely=[False]),
        good_for=_mostly(None, rarely=[-1, 2, 4]),
        proxy=_mostly(False, rarely=[True]),
        flaw=_mostly(None, rarely=FLAWS if flawed else [None]),
    )
    others = PASSES | AGAIN | DEATHS
    return st.sampled_from([says, says, others]).flatmap(lambda chosen: chosen)


def _mostly(*usual: Any, rarely: Sequence[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from([*usual * (16 // len(usual)), *rarely])
