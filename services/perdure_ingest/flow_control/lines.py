"""The lines in which starts of a route wait, and whose turn it is: no message is read of a line that cannot move."""

import heapq
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from perdure_ingest.flow_control.waiting import WaitingSubjects, key_token, priority_of

__all__ = ["Lines"]

_PRIORITIES: Final = range(1, 6)


class Lines:
    """The lines of one route: one for each priority, and for each key where keys have limits of their own.

    A line that may move is ready; one whose key is full is blocked; one that must wait for a time is delayed. Lines
    that are in no state are empty.
    """

    def __init__(self, subjects: WaitingSubjects, *, by_key: bool) -> None:
        self._subjects = subjects
        self._by_key = by_key
        self.clear()

    def clear(self) -> None:
        """Forget all lines."""
        self._ready: dict[int, OrderedDict[str, None]] = {priority: OrderedDict() for priority in _PRIORITIES}
        self._blocked: dict[str, set[str]] = {}
        self._delayed: dict[str, datetime] = {}
        self._times: list[tuple[datetime, str]] = []

    def arrived(self, subjects: Iterable[str]) -> None:
        """Note that starts wait under these subjects."""
        for subject in subjects:
            line = subject if self._by_key else self._subjects.pattern_of_priority(priority_of(subject))
            if line not in self._blocked.get(key_token(subject), ()):
                self._make_ready(line)

    def take(self, count: int) -> list[str]:
        """Remove and return lines that are ready, all of the most urgent priority; of several keys each in turn."""
        ready = next((lines for lines in self._ready.values() if lines), None)
        return [] if ready is None else [ready.popitem(last=False)[0] for _ in range(min(count, len(ready)))]

    def put_back(self, line: str, *, first: bool = False) -> None:
        """Make a line ready that was taken, as the last or the first of its priority."""
        self._make_ready(line)
        if first:
            self._ready[priority_of(line)].move_to_end(line, last=False)

    def block(self, line: str) -> None:
        """Leave a line until a run with its key has ended."""
        self._ready[priority_of(line)].pop(line, None)
        self._blocked.setdefault(key_token(line), set()).add(line)

    def unblock(self, key: str) -> None:
        """Make the lines of a key ready again."""
        for line in self._blocked.pop(key, ()):
            self._make_ready(line)

    def delay(self, line: str, until: datetime) -> None:
        """Leave a line until a time, unless something arrives before."""
        self._ready[priority_of(line)].pop(line, None)
        if line not in self._delayed or until < self._delayed[line]:
            self._delayed[line] = until
            heapq.heappush(self._times, (until, line))

    def next_due(self, now: datetime) -> datetime | None:
        """Make those lines ready whose time has come; return the time of the next."""
        while self._times and self._times[0][0] <= now:
            until, line = heapq.heappop(self._times)
            if self._delayed.get(line) == until:
                del self._delayed[line]
                self._make_ready(line)
        return self._times[0][0] if self._times else None

    def _make_ready(self, line: str) -> None:
        self._ready[priority_of(line)][line] = None
