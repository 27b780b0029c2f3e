"""A strike: one fault on one target for a bounded time, drawn from a seed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

__all__ = ["DURATIONS", "Fault", "Healed", "Strike", "Struck", "strike_order"]

DURATIONS: Final[Mapping[str, tuple[float, float]]] = {
    "kill": (0.0, 0.0),
    "stall": (1.0, 8.0),  # JetStream delivers again after six seconds: some stalls are longer
    "partition": (1.0, 8.0),
    "delay": (2.0, 6.0),
    "disk": (2.0, 6.0),
    "consumer": (0.0, 0.0),
    "stream": (0.0, 0.0),
    "clock": (2.0, 8.0),
}
"""How long each kind of fault lasts, in seconds: from, to."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault on one target.

    Attributes:
        fault: Its kind.
        target: A process, a connection, a disk, a consumer or a stream, as the fault names it.
        seconds: How long it lasts.
        roll: A random number from 0 to 1 for what else the fault has to choose.
    """

    fault: str
    target: str
    seconds: float
    roll: float


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault began, ``seconds`` after the chaos began."""

    fault: str
    target: str
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Healed:
    """A fault is over and what it struck is back, ``seconds`` after it began."""

    fault: str
    target: str
    seconds: float


class Fault(Protocol):
    """A kind of fault.

    Attributes:
        targets: What it can strike.
    """

    @property
    def targets(self) -> Sequence[str]:
        """Return what it can strike."""

    def struck(self, strike: Strike) -> AbstractAsyncContextManager[str]:
        """Strike for the duration of the block, which receives the detail; return once the target is back."""


def strike_order(targets: Mapping[str, Sequence[str]], seed: int) -> Iterator[Strike]:
    """Yield strikes for ever, in shuffled rounds that contain each target of each fault once.

    Args:
        targets: The targets of each fault.
        seed: Determines the order, the durations and the rolls.
    """
    random = Random(f"strikes {seed}")  # noqa: S311 (repeatable, not secret)
    pairs = [(fault, target) for fault, names in targets.items() for target in names]
    while True:
        for fault, target in random.sample(pairs, len(pairs)):
            yield Strike(fault, target, random.uniform(*DURATIONS[fault]), random.random())
