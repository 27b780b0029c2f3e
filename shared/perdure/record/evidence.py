"""The file that proves a decision to a third party: every message about one request, each with its proof.

Nothing of it needs a suite to be checked, see ``evidence_check``; docs/evidence.md describes it.
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from perdure.contracts.instant import Instant
from perdure.ledger import Kept
from perdure.record.witness import Proven

__all__ = ["EVIDENCE", "EvidenceFile", "EvidenceMessage"]

EVIDENCE: Final = "perdure-evidence"
"""What the field ``format`` of every file says."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


class EvidenceMessage(_Part):
    """A message, as its stream stored it.

    Attributes:
        stream: Its stream.
        sequence: Its sequence there.
        stored_at: When the stream stored it (UTC).
        subject: Its subject.
        headers: Its headers.
        body: Its bytes (base64, RFC 4648 section 5).
        salt: The salt of the digests in its leaf (likewise).
        proof: The proof of its leaf (C2SP tlog-proof), with the leaf's entry and the signed checkpoint.
    """

    stream: str
    sequence: Annotated[int, Field(ge=1)]
    stored_at: Instant
    subject: str
    headers: dict[str, str]
    body: bytes
    salt: bytes
    proof: str

    @classmethod
    def of(cls, proven: Proven, kept: Kept, body: bytes) -> "EvidenceMessage":
        """Return a message that the audit service has proven."""
        return cls(
            stream=kept.stream,
            sequence=kept.sequence,
            stored_at=kept.stored_at,
            subject=kept.subject,
            headers=dict(kept.headers),
            body=body,
            salt=kept.salt,
            proof=str(proven.proof),
        )

    @property
    def place(self) -> str:
        """``STREAM:sequence``."""
        return f"{self.stream}:{self.sequence}"

    @property
    def kept(self) -> Kept:
        """The message, as its leaf is made of it."""
        return Kept(self.stream, self.sequence, self.stored_at, self.subject, self.headers, self.body, self.salt)


class EvidenceFile(_Part):
    """Everything that is recorded about one approval request.

    Attributes:
        format: Always ``perdure-evidence``.
        version: The version of this format.
        request_id: The request.
        key: The ledger's key (a `vkey`), which whoever checks the file compares with the one that they trust.
        messages: The request, its escalations, the decisions on it with their receipts, its outcome, and the versions
            of the approvers file by which the decisions were verified; by stream and sequence.
    """

    format: Literal["perdure-evidence"] = EVIDENCE
    version: Literal[1] = 1
    request_id: str
    key: str
    messages: tuple[EvidenceMessage, ...]
