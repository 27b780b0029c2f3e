"""Decisions: signed votes on approval requests."""

from typing import Annotated, Final, Literal

from pydantic import StringConstraints

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message, Sha256

__all__ = ["LONGEST_COMMENT", "Comment", "Decision"]

LONGEST_COMMENT: Final = 16_384
"""Characters. ``approvals.decided`` repeats the comments of all votes, and NATS takes messages of 1 MiB."""

Comment = Annotated[str, StringConstraints(max_length=LONGEST_COMMENT)]
"""The free text of a vote."""


class Decision(Message):
    """An approver's signed vote on an approval request, or the withdrawal of an earlier vote.

    Attributes:
        workflow_id: The run that opened the request; the last token of the subject. May be left out of the body.
        request_id: The approval request.
        decision: The vote; ``withdraw`` takes back the approver's earlier vote while the request is open.
        approver: Name of the approver in the approvers file.
        comment: Free text for the record and the run.
        digest: The digest of the request that the approver saw; a decision with another one is refused.
        first_run_id: That of the request. A digest of version 1 does not cover the run: without this field, the
            decision could be replayed to a later run of this workflow id that opens an identical request.
        expires_at: A decision that JetStream stores after this instant (UTC) is refused.
        nonce: Chosen by the client, one for each decision; a resend with the same nonce is the same decision.
        key_id: The key that signed it: the first 16 hex digits of the SHA-256 of the public key.
        signature: Ed25519 over all other fields in the canonical form of RFC 8785, in base64. Unsigned is refused.
    """

    type: Literal["decisions"] = "decisions"
    workflow_id: str
    request_id: str
    decision: Literal["approve", "reject", "withdraw"]
    approver: Annotated[str, StringConstraints(min_length=1)]
    comment: Comment = ""
    digest: Sha256
    first_run_id: str | None = None
    expires_at: Instant | None = None
    nonce: Annotated[str, StringConstraints(min_length=1)]
    key_id: str | None = None
    signature: str | None = None

    @property
    def address(self) -> tuple[str, ...]:
        """``<workflow id>``."""
        return (self.workflow_id,)

    @property
    def message_id(self) -> str:
        """One for each request, approver and nonce."""
        return f"{self.request_id}.{self.approver}.{self.nonce}"
