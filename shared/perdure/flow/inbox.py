"""The answers that people send to one run: kept when early, judged once, refused with a reason."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from perdure.contracts import ApprovalRequested, Decision, Receipt

__all__ = ["ArrivedDecision", "Inbox", "refusal"]


class ArrivedDecision(BaseModel):
    """A decision with the id under which it was published."""

    model_config = ConfigDict(frozen=True)

    decision_id: str
    decision: Decision

    def receipt(self, refused: str | None) -> Receipt:
        """Say what became of it: accepted, or why not."""
        return Receipt(
            request_id=self.decision.request_id,
            decision_id=self.decision_id,
            accepted=refused is None,
            reason=refused or "it counts",
        )


@dataclass(frozen=True, slots=True)
class _Question:
    request: ApprovalRequested
    answer: asyncio.Future[ArrivedDecision]


@dataclass(slots=True)
class Inbox:
    """Whatever the order in which questions and answers come, each answer is judged exactly once."""

    _heard: set[str] = field(default_factory=set)
    _early: list[ArrivedDecision] = field(default_factory=list)
    _open: dict[str, _Question] = field(default_factory=dict)
    _closed: dict[str, str] = field(default_factory=dict)

    @property
    def early(self) -> tuple[ArrivedDecision, ...]:
        """The answers to questions that were not asked yet."""
        return tuple(self._early)

    def arrive(self, arrived: ArrivedDecision, now: datetime) -> Receipt | None:
        """Take an answer; returns the receipt of one that is refused. An accepted one is for the asker to tell."""
        if arrived.decision_id in self._heard:
            return None
        self._heard.add(arrived.decision_id)
        return self._judge(arrived, now)

    def ask(self, request: ApprovalRequested) -> tuple[asyncio.Future[ArrivedDecision], list[Receipt]]:
        """Open a question; returns its answer to wait for, and receipts of early answers that are refused."""
        question = _Question(request, asyncio.get_running_loop().create_future())
        self._open[request.request_id] = question
        early, self._early = self._early, []
        judged = [self._judge(arrived, request.opened_at) for arrived in early]
        return question.answer, [receipt for receipt in judged if receipt is not None]

    def close(self, request_id: str, why: str) -> None:
        """From now on answers to this question are refused for this reason."""
        if self._open.pop(request_id, None) is not None:
            self._closed[request_id] = why

    def leftovers(self) -> Iterator[Receipt]:
        """Refuse, at the end of the run, the answers to questions that it never asked."""
        for arrived in self._early:
            yield arrived.receipt("the run ended and never asked this")
        self._early = []

    def _judge(self, arrived: ArrivedDecision, now: datetime) -> Receipt | None:
        request_id = arrived.decision.request_id
        if why := self._closed.get(request_id):
            return arrived.receipt(why)
        question = self._open.get(request_id)
        if question is None:
            self._early.append(arrived)
            return None
        if refused := refusal(arrived.decision, question.request, now):
            return arrived.receipt(refused)
        question.answer.set_result(arrived)
        self.close(request_id, f"{arrived.decision.approver} decided it before")
        return None


def refusal(decision: Decision, request: ApprovalRequested, now: datetime) -> str | None:
    """Say why a decision does not count for this request, or nothing when it does."""
    if decision.digest != request.digest:
        return "it names another digest than the request: what was seen is not what will happen"
    if decision.expires_at is not None and decision.expires_at < now:
        return "the decision itself had expired when it arrived"
    if request.expires_at is not None and request.expires_at < now:
        return "the request had expired when it arrived"
    return None
