"""The answers that people send to one run: kept when early, judged once, refused with a reason."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from perdure.contracts import ApprovalExpired, ApprovalRequested, Escalation, Receipt, ReceiptCode
from perdure.flow.ballot import Ballot, Conclusion, ReceivedDecision

__all__ = ["OpenRequests"]

_NO_LONGER: Final = "the run no longer asks this"


@dataclass(frozen=True, slots=True)
class _OpenRequest:
    poll: Ballot
    answer: asyncio.Future[Conclusion]


@dataclass(slots=True)
class OpenRequests:
    """Whatever the order in which questions and answers come, each answer is judged exactly once."""

    _heard: dict[str, str] = field(default_factory=dict)  # decisions, and where each lies in its stream
    _early: list[ReceivedDecision] = field(default_factory=list)
    _open: dict[str, _OpenRequest] = field(default_factory=dict)
    _closed: dict[str, tuple[ReceiptCode, str]] = field(default_factory=dict)
    _has_ended: bool = False

    @property
    def early(self) -> tuple[ReceivedDecision, ...]:
        """The answers to questions that were not asked yet."""
        return tuple(self._early)

    def receive(self, arrived: ReceivedDecision, at: datetime) -> Receipt | None:
        """Take an answer that came at this time; returns its receipt, unless it settles a question: its asker tells."""
        if arrived.decision_id not in self._heard:
            self._heard[arrived.decision_id] = arrived.place
            return self._judge(arrived, at)
        if self._heard[arrived.decision_id] == arrived.place:
            return None
        return arrived.receipt("replayed", "the same decision came before, and was judged then")

    def open(self, request: ApprovalRequested) -> tuple[asyncio.Future[Conclusion], list[Receipt]]:
        """Open a question; returns its answer to wait for, and receipts of early answers."""
        question = _OpenRequest(Ballot(request), asyncio.get_running_loop().create_future())
        self._open[request.request_id] = question
        early, self._early = self._early, []
        judged = [self._judge(arrived, arrived.stored_at or request.opened_at) for arrived in early]
        return question.answer, [receipt for receipt in judged if receipt is not None]

    def escalate(self, request_id: str, rung: Escalation) -> None:
        """Let others answer a question that is open."""
        self._open[request_id].poll.add_approvers(rung)

    def close(self, request_id: str, code: ReceiptCode, why: str) -> None:
        """From now on answers to this question are refused for this reason."""
        if self._open.pop(request_id, None) is not None:
            self._closed[request_id] = code, why

    def withdraw(self, request_id: str, now: datetime) -> list[ApprovalExpired]:
        """No longer ask this; returns what is to be said of it, which is nothing if it is closed already."""
        if request_id not in self._open:
            return []
        request = self._open[request_id].poll.request
        self.close(request_id, "no_longer_asked", _NO_LONGER)
        about = request.model_dump(include={"workflow", "workflow_id", "run_id", "request_id"})
        return [ApprovalExpired(**about, expired_at=now, reason=_NO_LONGER)]

    def close_all(self, now: datetime) -> Iterator[ApprovalExpired | Receipt]:
        """Drop, at the end of the run, what is open, and refuse the answers to what it never asked."""
        self._has_ended = True
        for request_id in tuple(self._open):
            yield from self.withdraw(request_id, now)
        early, self._early = self._early, []
        for arrived in early:
            yield _never_asked(arrived)

    def _judge(self, arrived: ReceivedDecision, now: datetime) -> Receipt | None:
        request_id = arrived.decision.request_id
        if request_id in self._closed:
            return arrived.receipt(*self._closed[request_id])
        question = self._open.get(request_id)
        if question is None and self._has_ended:
            return _never_asked(arrived)
        if question is None:
            self._early.append(arrived)
            return None
        receipt = question.poll.judge(arrived, now)
        if (conclusion := question.poll.conclusion) is None:
            return receipt
        question.answer.set_result(conclusion)
        names = ", ".join(voice.approver for voice in conclusion.votes)
        self.close(request_id, "already_decided", f"{names} decided it before")
        return None


def _never_asked(arrived: ReceivedDecision) -> Receipt:
    return arrived.receipt("never_asked", "the run ended and never asked this")
