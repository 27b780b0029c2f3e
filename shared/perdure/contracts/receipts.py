"""What became of a decision."""

from typing import Literal

from perdure.contracts.message import Message

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
    "refused",
]
"""Why a decision counts or not, for programs. ``refused`` is what older services say, which give only a sentence."""


class Receipt(Message):
    """Every decision gets exactly one of these, and so does every replay or forgery of one.

    Attributes:
        decision_id: The message id of the decision.
        accepted: Whether it counts.
        code: Why, for programs.
        reason: Why, a sentence.
        place: Of what may not be the approver's own, as a replay, or a decision on a run that has ended and may have
            judged it before: where it lies in the stream of decisions.
    """

    type: Literal["receipts"] = "receipts"
    request_id: str
    decision_id: str
    accepted: bool
    code: ReceiptCode = "refused"
    reason: str
    place: str | None = None

    @property
    def address(self) -> tuple[str, ...]:
        """Heard per request."""
        return (self.request_id,)

    @property
    def message_id(self) -> str:
        """One receipt a decision, and one a replay or forgery."""
        return ".".join(["receipt", self.decision_id, *([self.place] if self.place else [])])
