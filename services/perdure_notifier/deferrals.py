"""Notices that one of several targets of a channel has not got: they are tried again, and later ones do not wait."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from perdure.bus.settlement import backoff_seconds

__all__ = ["Deferral", "Deferrals"]

_MOST: Final = 100  # deferrals at once; with more, the channel waits for its dead target


@dataclass(frozen=True, slots=True)
class Deferral:
    """Notices that were sent together, and will be again: a target that has them knows them by what is sent together.

    Attributes:
        sequences: Their sequences in the outbox.
        since: The first failure (UTC).
        due: When to send them again (UTC).
        tries: How often they failed.
    """

    sequences: tuple[int, ...]
    since: datetime
    due: datetime
    tries: int = 1


class Deferrals:
    """The deferred notices of one channel. They are in memory only: after a restart, each is tried at once."""

    def __init__(self) -> None:
        self._by_sequences: dict[tuple[int, ...], Deferral] = {}

    @property
    def is_full(self) -> bool:
        """Whether no more notices can be deferred."""
        return len(self._by_sequences) >= _MOST

    def __contains__(self, sequence: int) -> bool:
        """Return whether a notice is deferred."""
        return any(sequence in sequences for sequences in self._by_sequences)

    def first(self) -> Deferral | None:
        """Return the deferral that is due first."""
        return min(self._by_sequences.values(), key=lambda it: it.due, default=None)

    def defer(self, sequences: Sequence[int], now: datetime) -> Deferral:
        """Defer notices after a failure, each time for longer."""
        key = tuple(sequences)
        before = self._by_sequences.get(key)
        tries = 1 if before is None else before.tries + 1
        due = now + timedelta(seconds=backoff_seconds(tries))
        deferral = replace(before, due=due, tries=tries) if before else Deferral(key, since=now, due=due)
        self._by_sequences[key] = deferral
        return deferral

    def forget(self, sequences: Sequence[int]) -> None:
        """Forget notices that were sent or given up."""
        self._by_sequences.pop(tuple(sequences), None)
