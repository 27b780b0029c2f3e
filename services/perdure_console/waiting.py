"""Open requests as one person sees them: what they may decide comes first."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from perdure.approvers import may_vote
from perdure.bus.views.request_record import RequestRecord
from perdure.bus.views.requests import RequestFilter, list_requests
from perdure_console.desk import Desk
from perdure_console.identity import Person

__all__ = ["Waiting", "is_mine", "waiting_for"]

_MOST: Final = 1_000
_URGENCY: Final = {"critical": 0, "high": 1, "normal": 2, "low": 3}


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open request.

    Attributes:
        record: The request with its votes.
        mine: Whether the person may vote on it.
        voted: Whether they have.
    """

    record: RequestRecord
    mine: bool
    voted: bool

    @property
    def approvals(self) -> int:
        """How many have approved."""
        return sum(vote.decision == "approve" for vote in self.record.votes)


def is_mine(desk: Desk, person: Person, record: RequestRecord) -> bool:
    """Return whether a person may vote on a request now."""
    if "approver" not in person.roles:
        return False
    return may_vote(
        desk.approvers.current(), person.name, record.request, datetime.now(UTC), policy=record.current_policy
    )


async def waiting_for(desk: Desk, person: Person, text: str = "") -> list[Waiting]:
    """Return the open requests: those that the person may still decide first, then the urgent, then the oldest."""
    records = await list_requests(desk.bus, RequestFilter(state="open", text=text, limit=_MOST))
    found = [
        Waiting(it, is_mine(desk, person, it), any(vote.approver == person.name for vote in it.votes)) for it in records
    ]
    return sorted(found, key=lambda it: (not it.mine or it.voted, _URGENCY.get(it.record.request.severity, 2)))
