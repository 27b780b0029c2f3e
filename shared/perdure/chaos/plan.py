"""Plans the events of a chaos run from a seed."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from perdure.values.progress_kind import ProgressKind
from perdure.verify.records import Expected, Outcome

__all__ = ["LIMITED", "PROBES", "VICTIMS", "Planned", "plan_given", "plan_mixture", "plan_wave"]

VICTIMS: Final = ("ingest", "orchestrator", "notifier", "audit", "nats", "temporal")
"""The processes that may be killed."""

LIMITED: Final = "chaos.limited"
"""The type of the events whose route allows few open runs."""

PROBES: Final = ("chaos.probe", LIMITED, "chaos.paced")
"""The types of events with a schema, each of which is one run."""

_SHARES: Final = {
    "chaos.probe": 40,
    LIMITED: 15,
    "chaos.paced": 8,
    "chaos.debounced": 8,
    "chaos.batched": 10,
    "chaos.approved": 6,
    "chaos.box": 5,
    "chaos.replaced": 8,
}
_OWN_RUN: Final = {*PROBES, "chaos.approved", "chaos.box"}
_BAD: Final = 0.15  # the share of probes that must become dead letters
_TWICE: Final = 0.1  # the share of good events that are published a second time
_ITEMS: Final = 3  # signals to each box by events; one more comes from an operator
_ITEM_NEXT: Final = 0.4  # how likely the next event is an item, while items wait
_WORDS: Final = ("ash", "birch", "cedar", "elm", "fir", "hazel", "larch", "oak", "pine", "yew")


@dataclass(frozen=True, slots=True)
class Planned:
    """An event to publish ``copies`` times, under the same event id and different message ids.

    Attributes:
        outcome: What it must become by itself; None if it may share a run with others, or have none.
        ending: How its run must end.
        at_once: Whether its start must never be held.
        signal: The argument of a signal that an operator sends to its run, beside those that events send.
    """

    id: str
    type: str
    body: bytes
    copies: int = 1
    outcome: Outcome | None = None
    ending: ProgressKind | None = None
    at_once: bool = False
    signal: bytes | None = None

    @property
    def expected(self) -> Expected:
        """The verifier's form of this event."""
        return Expected(self.id, self.type, self.outcome, self.ending, self.at_once)


def plan_given(count: int, seed: int, *, label: str, type_: str, body: bytes) -> list[Planned]:
    """Plan ``count`` events with the user's type and body; about one in ten is published twice."""
    random = Random(f"given {seed}")  # noqa: S311 (repeatable, not secret)
    return [Planned(f"{label}-{number}", type_, body, _copies(random)) for number in range(1, count + 1)]


def plan_mixture(count: int, seed: int, *, label: str) -> list[Planned]:
    """Plan events for every kind of route: plain, limited, paced, debounced, batched, approved, signalled, cancelled.

    About one probe in seven is invalid, and about one good event in ten is published twice.
    """
    random = Random(f"events {seed}")  # noqa: S311 (repeatable, not secret)
    return list(_mixture(count, random, label))


def plan_wave(size: int, *, label: str) -> list[Planned]:
    """Plan events that the limited route must start at once, since none of its runs is open."""
    data = [json.dumps({"number": number, "words": "oak"}).encode() for number in range(size)]
    return [
        Planned(f"{label}-{number}", LIMITED, body, outcome="run", ending="completed", at_once=True)
        for number, body in enumerate(data)
    ]


def _mixture(count: int, random: Random, label: str) -> Iterator[Planned]:
    items: list[dict[str, Any]] = []  # signals that are still to be sent to boxes
    for number in range(1, count + 1):
        left, id_ = count - number, f"{label}-{number}"
        if items and (left < len(items) or random.random() < _ITEM_NEXT):
            data = items.pop(0)
            yield Planned(id_, "chaos.item", json.dumps(data).encode(), _copies(random))
            continue
        (type_,) = random.choices(list(_SHARES), list(_SHARES.values()))
        if type_ == "chaos.box":
            if left < len(items) + _ITEMS:
                type_ = "chaos.probe"
            else:
                items += [{"box": id_, "item": item} for item in range(_ITEMS)]
        yield _event(id_, type_, number, random)


def _event(id_: str, type_: str, number: int, random: Random) -> Planned:
    words, key = " ".join(random.choices(_WORDS, k=5)), random.choice(_WORDS[:3])
    good = json.dumps({"number": number, "words": words, "key": key, "box": id_, "items": _ITEMS + 1}).encode()
    if type_ in PROBES and random.random() < _BAD:
        return Planned(id_, type_, random.choice(_INVALID)(good), outcome="dead_letter")
    return Planned(
        id_,
        type_,
        good,
        _copies(random),
        outcome="run" if type_ in _OWN_RUN else None,
        ending=None if type_ == "chaos.replaced" else "completed",
        signal=json.dumps({"item": _ITEMS}).encode() if type_ == "chaos.box" else None,
    )


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
