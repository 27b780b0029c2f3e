"""Read model of the votes on one approval request: the decisions whose receipts accept them."""

import json

from pydantic import BaseModel, ConfigDict, ValidationError

from perdure.bus.envelope import decode
from perdure.bus.port import ReadableStreams, StoredMessage
from perdure.contracts import ApprovalRequested, Decision, Receipt, to_token
from perdure.contracts.instant import Instant

__all__ = ["CastVote", "decision_in", "votes_on"]


class CastVote(BaseModel):
    """One person's vote.

    Attributes:
        approver: Their name in the approvers file.
        decision: ``approve`` or ``reject``.
        comment: Their free text.
        at: When JetStream stored it (UTC).
        key_id: The key that signed it: their own, or that of a proxy.
    """

    model_config = ConfigDict(frozen=True)

    approver: str
    decision: str
    comment: str = ""
    at: Instant
    key_id: str | None = None


async def votes_on(bus: ReadableStreams, request: ApprovalRequested) -> list[CastVote]:
    """Return the votes that count, one a person, oldest first; a vote that was withdrawn does not.

    A decision counts if its receipt accepts it, so the receipts stream and the decisions stream are joined.

    Raises:
        Unavailable: NATS does not answer.
    """
    receipts = f"receipts.{to_token(request.request_id)}"
    if await bus.last(receipts) is None:
        return []
    judged = [decode(message.raw) async for message in bus.read(receipts)]
    accepted = {it.decision_id for it in judged if isinstance(it, Receipt) and it.accepted}
    votes: dict[str, CastVote] = {}
    async for message in bus.read(f"decisions.{to_token(request.workflow_id)}"):
        decision = decision_in(message, request.workflow_id)
        if decision is None or decision.message_id not in accepted or decision.digest != request.digest:
            continue
        accepted.discard(decision.message_id)  # a replay of it does not count again
        votes.pop(decision.approver, None)
        if decision.decision != "withdraw":
            votes[decision.approver] = CastVote(
                approver=decision.approver,
                decision=decision.decision,
                comment=decision.comment,
                at=message.stored_at,
                key_id=decision.key_id,
            )
    return list(votes.values())


def decision_in(message: StoredMessage, workflow_id: str) -> Decision | None:
    """Return the decision that a message holds, or None: anybody with a bot's key may publish anything there."""
    try:
        return Decision.model_validate({**json.loads(message.raw.body), "workflow_id": workflow_id})
    except (ValueError, TypeError, ValidationError):
        return None
