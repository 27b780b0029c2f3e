"""Decisions: signed votes on approval requests."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, StringConstraints

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message, Sha256
from perdure.contracts.subjects import SubjectId

__all__ = ["LONGEST_COMMENT", "Comment", "Decision"]

LONGEST_COMMENT: Final = 16_384
"""Characters. ``approvals.decided`` repeats the comments of all votes, and NATS takes messages of 1 MiB."""

_LONGEST_TEXT: Final = 256  # characters


def _short(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"it has more than {_LONGEST_TEXT} characters")
    return text


_Text = Annotated[str, AfterValidator(_short)]
_Name = Annotated[_Text, StringConstraints(min_length=1)]

Comment = Annotated[str, StringConstraints(max_length=LONGEST_COMMENT)]
"""The free text of a vote."""


class Decision(Message):
    """An approver's signed vote on an approval request, or the withdrawal of an earlier vote.

    Ids have at most 3,000 bytes as tokens of a subject; names, the nonce, key id and signature at most 256 characters.

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
    workflow_id: SubjectId
    request_id: SubjectId
    decision: Literal["approve", "reject", "withdraw"]
    approver: _Name
    comment: Comment = ""
    digest: Sha256
    first_run_id: _Text | None = None
    expires_at: Instant | None = None
    nonce: _Name
    key_id: _Text | None = None
    signature: _Text | None = None

    @property
    def address(self) -> tuple[str, ...]:
        """``<workflow id>``."""
        return (self.workflow_id,)

    @property
    def message_id(self) -> str:
        """One for each request, approver and nonce."""
        return f"{self.request_id}.{self.approver}.{self.nonce}"
