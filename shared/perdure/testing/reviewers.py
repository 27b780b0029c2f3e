"""Reviewers who decide approval requests as a test says."""

from collections.abc import Iterator, Mapping
from typing import Literal

from temporalio.client import Client

from perdure.bus import MemoryBus, RawMessage
from perdure.contracts import ApprovalRequested, Decision, Message
from perdure.flow.approvals_host import DECISION_SIGNAL
from perdure.flow.ballot import ReceivedDecision
from perdure.testing.throwaway_approvers import ThrowAwayApprovers

__all__ = ["ReviewedBus", "ReviewerDecision"]

ReviewerDecision = Literal["approve", "reject"]
"""The decision of all reviewers of a request; a request without one stays open."""


class ReviewedBus(MemoryBus):
    """A bus on which reviewers decide a request when it is published: later, skipped time might expire it.

    Attributes:
        client: Signals the runs, as the bridge does.
        approvers: The reviewers with their keys; the worker verifies what they sign.
    """

    client: Client

    def __init__(self, answers: Mapping[str, ReviewerDecision]) -> None:
        super().__init__()
        self.approvers = ThrowAwayApprovers()
        self._answers = answers

    async def publish(self, message: Message) -> int:
        """Publish a message and send the reviewers' decisions on it; see ``Bus.publish``."""
        sequence = await super().publish(message)
        if isinstance(message, ApprovalRequested):
            matching = (decided for title, decided in self._answers.items() if message.title.startswith(title))
            decided = next(matching, None)
            for decision in _decisions(message, decided) if decided else ():
                await self._hand_over(self.approvers.sign(decision, message.policy.voting_roles))
        return sequence

    async def _hand_over(self, decision: Decision) -> None:
        place = await self.publish_raw(RawMessage(decision.subject, decision.model_dump_json().encode(), {}))
        received = ReceivedDecision(decision_id=decision.message_id, decision=decision, place=f"DECISIONS.{place}")
        await self.client.get_workflow_handle(decision.workflow_id).signal(DECISION_SIGNAL, received)


def _decisions(request: ApprovalRequested, decided: ReviewerDecision) -> Iterator[Decision]:
    """Yield the same decision from as many eligible people as the policy requires."""
    policy = request.policy
    quorum = max(policy.quorum, sum(policy.role_quorums.values()))
    count = quorum if decided == "approve" else policy.rejections
    others = ["reviewer", *(f"reviewer {number}" for number in range(2, count + 1))]
    for approver in [*policy.people, *others][:count]:
        yield Decision(
            workflow_id=request.workflow_id,
            request_id=request.request_id,
            decision=decided,
            approver=approver,
            digest=request.digest,
            nonce=request.request_id,
        )
