"""What happens to an approval request while nobody decides it, and when: reminders, escalations, expiry."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from perdure.contracts import ApprovalEscalated, ApprovalReminded, ApprovalRequested

__all__ = ["about", "schedule"]

_STEADY: Final = 10
"""So many reminders come at regular intervals. After them the interval doubles each time: a request that is open for
years has some thirty reminders, and they do not use up the history of its run."""


def schedule(
    request: ApprovalRequested, are_rare: Callable[[], bool], now: Callable[[], datetime]
) -> Iterator[tuple[datetime, ApprovalReminded | ApprovalEscalated | None]]:
    """Yield the due times (UTC) in order, each with the fact to publish then; None is the expiry.

    Args:
        request: The request.
        are_rare: Whether reminders grow rarer, and come once after an outage; older code did neither.
        now: The time (UTC).
    """
    rungs = request.policy.rungs
    reminders, escalations = _Reminders(request, are_rare, now), 0
    while True:
        coming: list[tuple[datetime, ApprovalReminded | ApprovalEscalated | None]] = []
        if request.expires_at is not None:
            coming.append((request.expires_at, None))
        if escalations < len(rungs):
            rung = rungs[escalations]
            escalated = ApprovalEscalated(**about(request), to=(*rung.people, *rung.roles), count=escalations + 1)
            coming.append((request.opened_at + rung.after, escalated))
        if reminders.due is not None:
            coming.append((reminders.due, ApprovalReminded(**about(request), count=reminders.count + 1)))
        if not coming:
            return
        due, fact = min(coming, key=lambda pair: pair[0])
        yield due, fact
        if isinstance(fact, ApprovalReminded):
            reminders.advance()
        else:
            escalations += 1


class _Reminders:
    """The reminders of one request.

    Attributes:
        count: How many there were.
        due: When the next one is due (UTC); None if there is none.
    """

    def __init__(self, request: ApprovalRequested, are_rare: Callable[[], bool], now: Callable[[], datetime]) -> None:
        self.count = 0
        self._now = now
        self._are_rare = are_rare
        self._interval = request.policy.remind_every
        self.due = None if self._interval is None else request.opened_at + self._interval

    def advance(self) -> None:
        """Count a reminder, and find out when the next one is due."""
        if self.due is None or self._interval is None:
            return
        self.count += 1
        if self.count >= _STEADY and self._are_rare():
            self._interval *= 2
        self.due += self._interval
        late = self._now() - self.due
        if late >= timedelta() and self._are_rare():
            self.due += (late // self._interval + 1) * self._interval


def about(request: ApprovalRequested) -> dict[str, str]:
    """Return the fields that every fact about a request has."""
    return request.model_dump(include={"workflow", "workflow_id", "run_id", "request_id"})
