"""A human's answer, carried by a bot."""

from typing import Annotated, Final, Literal

from pydantic import StringConstraints

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message, Sha256

__all__ = ["LONGEST_COMMENT", "Comment", "Decision"]

LONGEST_COMMENT: Final = 16_384
"""Characters. A message that settles a request repeats the comments of all who did, and NATS takes 1 MiB."""

Comment = Annotated[str, StringConstraints(max_length=LONGEST_COMMENT)]
"""What somebody says to a request, beside yes or no."""


class Decision(Message):
    """Somebody answers an approval request, or takes back what they answered while it is open.

    Attributes:
        approver: Who answers.
        digest: The digest of the request that the approver saw; an answer to anything else is refused.
        first_run_id: That of the request. Without it the decision could be said again to a later run of this workflow
            id that asks the very same; an answer to what was not asked yet cannot name it.
        expires_at: A decision that arrives later than this (UTC) is refused.
        nonce: Makes this decision one of its own; the same nonce said twice is the same decision.
        key_id: Which key signed it: the first 16 hex digits of the SHA-256 of the public key.
        signature: Ed25519, in base64, over all other fields in the canonical form of RFC 8785. One without is refused.
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
        """Heard per run."""
        return (self.workflow_id,)

    @property
    def message_id(self) -> str:
        """A nonce belongs to one approver and request."""
        return f"{self.request_id}.{self.approver}.{self.nonce}"
