"""Whether each message of a stream has its leaf: JetStream numbers them without gaps, from 1 in each new stream."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import eq, le

from perdure.ledger.discrepancy import Discrepancy

__all__ = ["Coverage"]


@dataclass(slots=True)
class _Life:
    """The sequences that have leaves, of one life of a stream: one that is made anew counts from 1 again.

    Attributes:
        first: The lowest one.
        end: The one before which each has its leaf.
        highest: The highest one.
        newest: When that was stored, in microseconds.
        beyond: The ranges after ``end``, each from its first to before its end.
    """

    first: int
    end: int
    highest: int
    newest: int
    beyond: dict[int, int] = field(default_factory=dict)

    def may_have(self, sequence: int, stored_at: int) -> bool:
        """Return whether a message fits among those of this life, whose times rise with their sequences."""
        return (sequence > self.highest) == (stored_at > self.newest) or stored_at == self.newest

    def add(self, first: int, last: int, stored_at: int) -> bool:
        """Add a range; return whether its beginning was not there yet."""
        if last > self.highest:
            self.highest, self.newest = last, stored_at
        if last < self.first:
            self.beyond[self.first], self.first, self.end = self.end, first, last + 1
        elif first < self.end or first in self.beyond:
            return False
        elif first == self.end:
            self.end = last + 1
        else:
            self.beyond[first] = last + 1
            return True
        while (after := self.beyond.pop(self.end, None)) is not None:
            self.end = after
        return True

    def go_on(self, sequences: Sequence[int], times: Sequence[int]) -> bool:
        """Add messages if they follow one another and what is there, as nearly always; else add none of them."""
        first, end = sequences[0], sequences[0] + len(sequences)
        if (
            self.beyond
            or first != self.end
            or times[0] < self.newest
            or not all(map(eq, sequences, range(first, end)))
            or not all(map(le, times, islice(times, 1, None)))
        ):
            return False
        self.end, self.highest, self.newest = end, end - 1, times[-1]
        return True

    def missing(self) -> Iterator[tuple[int, int]]:
        """Yield the ranges that are not there, between those that are: first and last."""
        end = self.end
        for first in sorted(self.beyond):
            if first > end:
                yield end, first - 1
            end = max(end, self.beyond[first])


class Coverage:
    """The leaves of all streams by their sequences, in whatever order they come."""

    def __init__(self) -> None:
        self._lives: dict[str, list[_Life]] = {}

    def add(self, stream: str, sequence: int, stored_at: int) -> bool:
        """Add the leaf of a message, stored at an instant in microseconds; return whether it is the first one."""
        return not self.add_all(stream, [sequence], [stored_at])

    def add_all(self, stream: str, sequences: Sequence[int], times: Sequence[int]) -> list[int]:
        """Add the leaves of messages of one stream; return at which places one is not the first of its message.

        Args:
            stream: Their stream.
            sequences: Their sequences, in the order of the leaves.
            times: When each was stored, in microseconds.
        """
        lives = self._lives.setdefault(stream, [])
        if lives and lives[-1].go_on(sequences, times):
            return []
        return [at for at, one in enumerate(zip(sequences, times, strict=True)) if not _add(lives, *one)]

    def add_gap(self, stream: str, first: int, last: int) -> None:
        """Add a declared gap in the newest life of a stream."""
        for life in self._lives.get(stream, [])[-1:]:
            life.add(first, last, life.newest)

    def faults(self) -> Iterator[Discrepancy]:
        """Yield what has no leaf."""
        for stream, lives in self._lives.items():
            for life in lives:
                for first, last in life.missing():
                    which = f"{stream}:{first} has" if first == last else f"{stream}:{first} to {stream}:{last} have"
                    yield Discrepancy("completeness", None, f"{which} no leaf, and no gap is declared there.")

    def streams(self) -> dict[str, tuple[int, int]]:
        """Return the lowest and the highest sequence of the newest life of each stream, by name."""
        return {stream: (lives[-1].first, lives[-1].highest) for stream, lives in self._lives.items()}


def _add(lives: list[_Life], sequence: int, stored_at: int) -> bool:
    """Add the leaf of a message to the life in which it fits; return whether it is the first one."""
    life = next((it for it in reversed(lives) if it.may_have(sequence, stored_at)), None)
    if life is None:
        lives.append(_Life(sequence, sequence + 1, sequence, stored_at))
        return True
    return life.add(sequence, sequence, stored_at)
