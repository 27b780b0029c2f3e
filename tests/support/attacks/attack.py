"""One attack: what somebody does who must not succeed, and the word that refuses it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tests.support.attacks.suite import AttackedSuite

__all__ = ["Attack", "Move", "Played", "play"]

Move = Callable[[AttackedSuite], Awaitable[str]]
"""Plays an attack, and returns the word that refuses it: what the attacker or the record sees."""

_AT_A_TIME: Final = 8


@dataclass(frozen=True)
class Attack:
    """Something that must not succeed.

    Attributes:
        name: What it is, after the words "… cannot".
        does: Plays it.
        refused_with: ``violation`` (of NATS' permissions), the code of a receipt, the reason of a dead letter, an HTTP
            status, or another word that ``does`` returns.
        alone: It holds up others while it lasts, and so is played when they are over.
    """

    name: str
    does: Move
    refused_with: str
    alone: bool = False


@dataclass(frozen=True)
class Played:
    """An attack that was played.

    Attributes:
        word: What refused it, or what it has done.
        error: The error of its own code, which shows nothing.
    """

    attack: Attack
    word: str = ""
    error: Exception | None = None


async def play(attacks: Sequence[Attack], suite: AttackedSuite) -> list[Played]:
    """Play attacks, several at a time; none of the requests that they aim at may be decided once all are over."""
    room = asyncio.Semaphore(_AT_A_TIME)

    async def one(attack: Attack) -> tuple[Played, set[str]]:
        mine = replace(suite, victims={})
        async with room:
            result = await _played(attack, mine)
        suite.victims |= mine.victims
        return result, set(mine.victims)

    played = await asyncio.gather(*(one(attack) for attack in attacks if not attack.alone))
    played += [await one(attack) for attack in attacks if attack.alone]
    decided = await suite.decided()
    return [
        replace(it, word=f"decided: {', '.join(sorted(decided & victims))}") if decided & victims else it
        for it, victims in played
    ]


async def _played(attack: Attack, suite: AttackedSuite) -> Played:
    try:
        return Played(attack, await attack.does(suite))
    except Exception as error:  # noqa: BLE001 (the other attacks go on)
        return Played(attack, error=error)
