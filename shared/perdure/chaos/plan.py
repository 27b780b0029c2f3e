"""Plans a chaos run from a seed: the events to publish and the order of kills."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from perdure.verify.records import Expected, Outcome

__all__ = ["PROBE", "VICTIMS", "Planned", "kill_order", "plan_given", "plan_probes"]

VICTIMS: Final = ("ingest", "orchestrator", "notifier", "audit", "nats", "temporal")
"""The processes that may be killed."""

PROBE: Final = "chaos.probe"
"""The type of the events that the chaos suite routes."""

_BAD: Final = 0.1  # the share of events that must become dead letters
_TWICE: Final = 0.1  # the share of good events that are published a second time
_WORDS: Final = ("ash", "birch", "cedar", "elm", "fir", "hazel", "larch", "oak", "pine", "yew")


@dataclass(frozen=True, slots=True)
class Planned:
    """An event to publish ``copies`` times, under the same event id and different message ids."""

    id: str
    type: str
    body: bytes
    copies: int = 1
    outcome: Outcome | None = None

    @property
    def expected(self) -> Expected:
        """The verifier's form of this event."""
        return Expected(self.id, self.type, self.outcome)


def plan_probes(count: int, seed: int, *, label: str) -> list[Planned]:
    """Plan probe events; about one in ten is invalid, and one in ten is published twice."""
    random = Random(f"probes {seed}")  # noqa: S311 (repeatable, not secret)
    return [_probe(number, random, label) for number in range(1, count + 1)]


def plan_given(count: int, seed: int, *, label: str, type_: str, body: bytes) -> list[Planned]:
    """Plan ``count`` events with the user's type and body; about one in ten is published twice."""
    random = Random(f"given {seed}")  # noqa: S311 (repeatable, not secret)
    return [Planned(f"{label}-{number}", type_, body, _copies(random)) for number in range(1, count + 1)]


def kill_order(victims: Sequence[str], seed: int) -> Iterator[str]:
    """Yield victims for ever, in shuffled rounds that contain each victim once."""
    random = Random(f"kills {seed}")  # noqa: S311 (repeatable, not secret)
    while True:
        yield from random.sample(victims, len(victims))


def _probe(number: int, random: Random, label: str) -> Planned:
    data = {"number": number, "words": " ".join(random.choices(_WORDS, k=5))}
    good = json.dumps(data).encode()
    if random.random() < _BAD:
        return Planned(f"{label}-{number}", PROBE, random.choice(_INVALID)(good), outcome="dead_letter")
    return Planned(f"{label}-{number}", PROBE, good, _copies(random), outcome="run")


def _copies(random: Random) -> int:
    return 2 if random.random() < _TWICE else 1


def _wrong_type(good: bytes) -> bytes:
    return json.dumps({**json.loads(good), "number": "many"}).encode()


def _missing_field(good: bytes) -> bytes:
    return json.dumps({"words": json.loads(good)["words"]}).encode()


_INVALID: Final[Sequence[Callable[[bytes], bytes]]] = (
    lambda good: good[:-1],  # invalid JSON
    lambda good: good + b"\xff",  # invalid UTF-8
    lambda _: b"",
    _wrong_type,
    _missing_field,
)
