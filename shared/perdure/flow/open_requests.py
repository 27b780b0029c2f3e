"""The approval requests of one run and the decisions on them: kept when early, judged once, refused with a reason."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from perdure.contracts import ApprovalExpired, ApprovalRequested, Escalation, Receipt, ReceiptCode
from perdure.flow.approval_schedule import about
from perdure.voting.ballot import Ballot, Conclusion, ReceivedDecision

__all__ = ["OpenRequests"]

_WITHDRAWN: Final = "the run closed this request"


@dataclass(frozen=True, slots=True)
class _OpenRequest:
    ballot: Ballot
    conclusion: asyncio.Future[Conclusion]


@dataclass(slots=True)
class OpenRequests:
    """Judges each decision exactly once, in whatever order requests and decisions come."""

    _received: dict[str, str] = field(default_factory=dict)  # the place in the stream, by decision id
    _early: list[ReceivedDecision] = field(default_factory=list)
    _open: dict[str, _OpenRequest] = field(default_factory=dict)
    _closed: dict[str, tuple[ReceiptCode, str]] = field(default_factory=dict)
    _has_ended: bool = False

    @property
    def early(self) -> tuple[ReceivedDecision, ...]:
        """The decisions on requests that are not open yet."""
        return tuple(self._early)

    def receive(self, received: ReceivedDecision, at: datetime) -> Receipt | None:
        """Judge a decision as of this time (UTC).

        Returns:
            Its receipt. None if it is early or redelivered, or settles its request: then the requester publishes it.
        """
        if received.decision_id not in self._received:
            self._received[received.decision_id] = received.place
            return self._judge(received, at)
        if self._received[received.decision_id] == received.place:
            return None
        return received.receipt("replayed", "the same decision came before, and was judged then")

    def open(self, request: ApprovalRequested) -> tuple[asyncio.Future[Conclusion], list[Receipt]]:
        """Open a request; returns the future of its conclusion, and the receipts of early decisions."""
        opened = _OpenRequest(Ballot(request), asyncio.get_running_loop().create_future())
        self._open[request.request_id] = opened
        early, self._early = self._early, []
        receipts = [self._judge(received, received.stored_at or request.opened_at) for received in early]
        return opened.conclusion, [receipt for receipt in receipts if receipt is not None]

    def escalate(self, request_id: str, rung: Escalation) -> None:
        """Let the people and roles of a rung vote on an open request."""
        self._open[request_id].ballot.add_approvers(rung)

    def close(self, request_id: str, code: ReceiptCode, reason: str) -> None:
        """Refuse decisions on this request from now on, with this receipt."""
        if self._open.pop(request_id, None) is not None:
            self._closed[request_id] = code, reason

    def withdraw(self, request_id: str, now: datetime) -> list[ApprovalExpired]:
        """Close a request that the run no longer waits for; returns the fact to publish, none if it was closed."""
        if request_id not in self._open:
            return []
        request = self._open[request_id].ballot.request
        self.close(request_id, "no_longer_asked", _WITHDRAWN)
        return [ApprovalExpired(**about(request), expired_at=now, reason=_WITHDRAWN)]

    def close_all(self, now: datetime) -> Iterator[ApprovalExpired | Receipt]:
        """Close everything at the end of the run; yields the facts and receipts to publish."""
        self._has_ended = True
        for request_id in tuple(self._open):
            yield from self.withdraw(request_id, now)
        early, self._early = self._early, []
        for received in early:
            yield _never_requested(received)

    def _judge(self, received: ReceivedDecision, now: datetime) -> Receipt | None:
        request_id = received.decision.request_id
        if request_id in self._closed:
            return received.receipt(*self._closed[request_id])
        opened = self._open.get(request_id)
        if opened is None and self._has_ended:
            return _never_requested(received)
        if opened is None:
            self._early.append(received)
            return None
        receipt = opened.ballot.judge(received, now)
        if (conclusion := opened.ballot.conclusion) is None:
            return receipt
        opened.conclusion.set_result(conclusion)
        self.close(request_id, "already_decided", f"{conclusion.approvers} decided it before")
        return None


def _never_requested(received: ReceivedDecision) -> Receipt:
    return received.receipt("never_asked", "the run ended and never requested this")
