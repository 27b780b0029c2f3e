"""One attack: what somebody does who must not succeed, and the word that refuses it."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.attacks.suite import AttackedSuite

__all__ = ["Attack", "Move", "attempt", "cases"]

Move = Callable[[AttackedSuite], Awaitable[str]]
"""Plays an attack, and returns the word that refuses it: what the attacker or the record sees."""


@dataclass(frozen=True)
class Attack:
    """Something that must not succeed.

    Attributes:
        name: What it is, after the words "… cannot".
        does: Plays it.
        refused_with: ``violation`` (of NATS' permissions), the code of a receipt, the reason of a dead letter, an HTTP
            status, or another word that ``does`` returns.
        succeeds: Why it succeeds today; empty once it is refused.
        harms: It would harm the whole suite while it succeeds, and so is not played yet.
    """

    name: str
    does: Move
    refused_with: str
    succeeds: str = ""
    harms: bool = False


async def attempt(attack: Attack, suite: AttackedSuite) -> str:
    """Play an attack, and return the word that refuses it; or the requests that it aimed at and that are decided."""
    before = set(suite.victims)
    try:
        word = await attack.does(suite)
        decided = await suite.decided() & (set(suite.victims) - before)
    finally:
        if attack.succeeds:
            await suite.excuse()
    return f"decided: {', '.join(sorted(decided))}" if decided else word


def cases(attacks: Iterable[Attack]) -> pytest.MarkDecorator:
    """Return the parametrization of a test by attacks: those that succeed today must fail."""
    return pytest.mark.parametrize("attack", [_case(attack) for attack in attacks])


def _case(attack: Attack) -> Any:
    marks = [pytest.mark.xfail(reason=attack.succeeds, strict=True, run=not attack.harms)] if attack.succeeds else []
    return pytest.param(attack, id=attack.name, marks=marks)
