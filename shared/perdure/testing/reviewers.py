"""Reviewers who decide approval requests as a test says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from temporalio.client import Client

from perdure.bus import MemoryBus, RawMessage
from perdure.contracts import ApprovalRequested, Decision, Message
from perdure.flow.approvals_host import DECISION_SIGNAL
from perdure.testing.throwaway_approvers import ThrowAwayApprovers
from perdure.voting.ballot import ReceivedDecision

__all__ = ["Answer", "Review", "ReviewedBus", "ReviewerDecision"]

ReviewerDecision = Literal["approve", "reject"]
"""The decision of all reviewers of a request; a request without one stays open."""


@dataclass(frozen=True, slots=True)
class Review:
    """The vote of one reviewer.

    Attributes:
        decision: The vote.
        by: The reviewer's name.
        roles: The roles that the reviewer has from then on; by default all that may vote on the request.
        comment: What the run and the record get with it.
    """

    decision: ReviewerDecision
    by: str = "reviewer"
    roles: tuple[str, ...] | None = None
    comment: str = ""


Answer = ReviewerDecision | Review | Sequence[Review]
"""The decision of as many reviewers as the policy wants, or the votes themselves, in order."""


class ReviewedBus(MemoryBus):
    """A bus on which reviewers decide a request when it is published: later, skipped time might expire it.

    Attributes:
        client: Signals the runs, as the bridge does.
        approvers: The reviewers with their keys; the worker verifies what they sign.
        unused_answers: The beginnings of titles for which no request was made yet.
    """

    client: Client

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        super().__init__()
        self.approvers = ThrowAwayApprovers()
        self.unused_answers = list(answers)
        self._answers = answers

    async def publish(self, message: Message) -> int:
        """Publish a message and send the reviewers' decisions on it; see ``Bus.publish``."""
        sequence = await super().publish(message)
        if isinstance(message, ApprovalRequested):
            title = next((title for title in self._answers if message.title.startswith(title)), None)
            if title is not None:
                await self._answer(message, title)
        return sequence

    async def _answer(self, request: ApprovalRequested, title: str) -> None:
        self.unused_answers = [unused for unused in self.unused_answers if unused != title]
        for number, review in enumerate(_reviews(request, self._answers[title]), 1):
            roles = request.policy.voting_roles if review.roles is None else review.roles
            await self._hand_over(self.approvers.sign(_decision(request, review, number), roles))

    async def _hand_over(self, decision: Decision) -> None:
        place = await self.publish_raw(RawMessage(decision.subject, decision.model_dump_json().encode(), {}))
        received = ReceivedDecision(decision_id=decision.message_id, decision=decision, place=f"DECISIONS.{place}")
        await self.client.get_workflow_handle(decision.workflow_id).signal(DECISION_SIGNAL, received)


def _reviews(request: ApprovalRequested, answer: Answer) -> Iterator[Review]:
    """Yield the votes of an answer; the same decision is that of as many eligible people as the policy requires."""
    if isinstance(answer, Review):
        yield answer
    elif not isinstance(answer, str):
        yield from answer
    else:
        policy = request.policy
        quorum = max(policy.quorum, sum(policy.role_quorums.values()))
        count = quorum if answer == "approve" else policy.rejections
        others = ["reviewer", *(f"reviewer {number}" for number in range(2, count + 1))]
        yield from (Review(answer, by) for by in [*policy.people, *others][:count])


def _decision(request: ApprovalRequested, review: Review, number: int) -> Decision:
    return Decision(
        workflow_id=request.workflow_id,
        request_id=request.request_id,
        decision=review.decision,
        approver=review.by,
        comment=review.comment,
        digest=request.digest,
        nonce=f"{request.request_id}.{number}",
    )
