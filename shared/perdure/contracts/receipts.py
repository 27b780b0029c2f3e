"""Receipts: whether a decision counts, and why."""

from typing import Annotated, Literal

from perdure.contracts.message import Message, Sha256
from perdure.contracts.open_words import OPEN
from perdure.contracts.subjects import SubjectId

__all__ = ["Receipt", "ReceiptCode"]

ReceiptCode = Literal[
    "accepted",
    "unreadable",
    "unsigned",
    "forged",
    "unknown_approver",
    "unknown_key",
    "revoked_key",
    "replayed",
    "wrong_digest",
    "decision_expired",
    "request_expired",
    "not_allowed",
    "duplicate",
    "nothing_to_withdraw",
    "already_decided",
    "no_longer_asked",
    "never_asked",
    "unknown_run",
    "waiting",
    "not_kept",
    "refused",
]
"""Why a decision counts or not.

``waiting`` is not final: the run is not there yet, and another receipt follows. ``not_kept``: DECISIONS no longer holds
the message, so that nobody can verify it. ``refused`` comes only from older services, which give no code.
"""


class Receipt(Message):
    """Whether one decision counts. Each decision has exactly one receipt, and so has each replay or forgery of one.

    Attributes:
        request_id: The approval request.
        decision_id: Message id of the decision: ``<request id>.<approver>.<nonce>``.
        accepted: Whether it counts.
        code: Why, for programs.
        reason: Why, for people.
        place: ``DECISIONS.<sequence>`` of a message that may not come from the approver or may have counted before:
            a replay, a forgery, a decision on a run that has ended or not begun, or one that does not count for a later
            attempt of its run. Absent in other receipts.
        approvers_digest: SHA-256 of the approvers file that verified the decision, in hex. Absent if none did.
    """

    type: Literal["receipts"] = "receipts"
    request_id: SubjectId
    decision_id: str
    accepted: bool
    code: Annotated[ReceiptCode, OPEN] = "refused"
    reason: str
    place: str | None = None
    approvers_digest: Sha256 | None = None

    @property
    def is_final(self) -> bool:
        """Whether no other receipt of the decision follows."""
        return self.code != "waiting"

    @property
    def address(self) -> tuple[str, ...]:
        """``<request id>``."""
        return (self.request_id,)

    @property
    def message_id(self) -> str:
        """One for each decision, one for each replay or forgery of it, and one for each wait before another."""
        place = [self.place] if self.place else []
        return ".".join(["receipt", self.decision_id, *place, *(["waiting"] if not self.is_final else [])])
