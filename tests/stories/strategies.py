"""Stories that nobody thought of."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any, Final

from hypothesis import strategies as st

from tests.stories.story import ROLES, Again, Ask, Die, Pass, Rung, Say, Step, Story

PEOPLE: Final = st.sampled_from(sorted(ROLES))
SOME_PEOPLE: Final = st.lists(PEOPLE, max_size=3, unique=True).map(tuple)
SOME_ROLES: Final = st.lists(st.sampled_from(["editor", "legal"]), max_size=2, unique=True).map(tuple)
FLAWS: Final = ["unsigned", "forged", "unknown_key", "revoked_key"]
NOBODY: Final = st.just(tuple[str, ...]())

RUNGS: Final = st.builds(
    Rung, after=st.integers(1, 5), people=SOME_PEOPLE, roles=SOME_ROLES, instead=st.booleans()
).filter(lambda rung: bool(rung.people or rung.roles))


def _can_be_met(ask: Ask) -> bool:
    try:
        return bool(ask.policy)
    except ValueError:
        return False


ASKS: Final = st.builds(
    Ask,
    people=NOBODY | SOME_PEOPLE,
    roles=NOBODY | SOME_ROLES,
    quorum=st.sampled_from([1, 2, 2, 3]),
    rejections=st.integers(1, 2),
    veto_roles=NOBODY | SOME_ROLES,
    proxies=st.booleans(),
    requester=st.sampled_from([None, None, "eve", "ann"]),
    requester_may_answer=st.booleans(),
    remind_every=st.none() | st.integers(1, 3),
    ladder=st.lists(RUNGS, max_size=2).map(tuple),
    timeout=st.sampled_from([None, None, None, 3, 5, 7, 0]),
    silence=st.sampled_from(["reject", "approve"]),
).filter(_can_be_met)

PASSES: Final = st.builds(Pass, hours=st.integers(1, 3))
AGAIN: Final = st.builds(Again, of=st.integers(0, 9), same_place=st.booleans())
DEATHS: Final = st.builds(Die, missed=st.integers(0, 3), bridge=st.integers(0, 3))


def stories(*, flawed: bool, longest: int) -> st.SearchStrategy[Story]:
    """Tell of one run with one or two requests, and of so many steps at most.

    Args:
        flawed: Some decisions are not of the person whom they name.
        longest: The number of steps.
    """
    return st.integers(1, 2).flatmap(
        lambda requests: st.builds(
            Story,
            asks=st.lists(ASKS, min_size=requests, max_size=requests).map(tuple),
            steps=st.integers(1, longest).flatmap(lambda length: _steps(requests, length, flawed=flawed)),
            order=st.sampled_from(["all", "any", "in turn"]),
            lead=st.sampled_from([timedelta(), timedelta(hours=1, minutes=10)]),
        )
    )


@cache
def _steps(requests: int, length: int, *, flawed: bool) -> st.SearchStrategy[tuple[Step, ...]]:
    step = _step(requests, flawed=flawed)
    return st.lists(step, min_size=length, max_size=length).map(tuple)


@cache
def _step(requests: int, *, flawed: bool) -> st.SearchStrategy[Step]:
    says = st.builds(
        Say,
        who=PEOPLE,
        word=st.sampled_from(["approve", "approve", "reject", "withdraw"]),
        about=_mostly(*range(1, requests + 1), rarely=[requests + 1]),
        nonce=st.integers(1, 6),
        saw=_mostly(True, rarely=[False]),
        good_for=_mostly(None, rarely=[-1, 2, 4]),
        proxy=_mostly(False, rarely=[True]),
        flaw=_mostly(None, rarely=FLAWS if flawed else [None]),
    )
    others = PASSES | AGAIN | DEATHS
    return st.sampled_from([says, others]).flatmap(lambda chosen: chosen)


def _mostly(*usual: Any, rarely: Sequence[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from([*usual * (8 // len(usual)), *rarely])
