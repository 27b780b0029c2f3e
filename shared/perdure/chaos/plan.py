"""What will happen, as far as a seed decides it: which events are published, and who is killed in which order."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from perdure.verify.records import Expected, Outcome

__all__ = ["PROBE", "VICTIMS", "Planned", "kill_order", "plan_given", "plan_probes"]

VICTIMS: Final = ("ingest", "orchestrator", "notifier", "audit", "nats", "temporal")
"""Who may be killed."""

PROBE: Final = "chaos.probe"
"""The type of the events that a suite of our own takes."""

_BAD: Final = 0.1  # the share of events that must become dead letters
_TWICE: Final = 0.1  # the share of good events that are published a second time
_WORDS: Final = ("ash", "birch", "cedar", "elm", "fir", "hazel", "larch", "oak", "pine", "yew")


@dataclass(frozen=True, slots=True)
class Planned:
    """An event that will be published, ``copies`` times, as the same event in messages of their own."""

    id: str
    type: str
    body: bytes
    copies: int = 1
    outcome: Outcome | None = None

    @property
    def expected(self) -> Expected:
        """As the verifier is told of it."""
        return Expected(self.id, self.type, self.outcome)


def plan_probes(count: int, seed: int, *, label: str) -> list[Planned]:
    """Plan events for the probe's route; about one in ten is bad, and one in ten is published twice."""
    random = Random(f"probes {seed}")  # noqa: S311 (to be repeated, not to be secret)
    return [_probe(number, random, label) for number in range(1, count + 1)]


def plan_given(count: int, seed: int, *, label: str, type_: str, body: bytes) -> list[Planned]:
    """Plan one event of a user's, many times; about one in ten is published twice."""
    random = Random(f"given {seed}")  # noqa: S311 (likewise)
    return [Planned(f"{label}-{number}", type_, body, _copies(random)) for number in range(1, count + 1)]


def kill_order(victims: Sequence[str], seed: int) -> Iterator[str]:
    """Yield victims for ever: shuffled rounds, so that each has its turn."""
    random = Random(f"kills {seed}")  # noqa: S311 (likewise)
    while True:
        yield from random.sample(victims, len(victims))


def _probe(number: int, random: Random, label: str) -> Planned:
    data = {"number": number, "words": " ".join(random.choices(_WORDS, k=5))}
    good = json.dumps(data).encode()
    if random.random() < _BAD:
        return Planned(f"{label}-{number}", PROBE, random.choice(_SPOILED)(good), outcome="dead_letter")
    return Planned(f"{label}-{number}", PROBE, good, _copies(random), outcome="run")


def _copies(random: Random) -> int:
    return 2 if random.random() < _TWICE else 1


def _misfit(good: bytes) -> bytes:
    return json.dumps({**json.loads(good), "number": "many"}).encode()


def _incomplete(good: bytes) -> bytes:
    return json.dumps({"words": json.loads(good)["words"]}).encode()


_SPOILED: Final[Sequence[Callable[[bytes], bytes]]] = (
    lambda good: good[:-1],  # no JSON
    lambda good: good + b"\xff",  # no UTF-8
    lambda _: b"",
    _misfit,
    _incomplete,
)
