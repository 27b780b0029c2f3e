"""What became of a decision."""

from typing import Literal

from perdure.contracts.message import Message

__all__ = ["Receipt"]


class Receipt(Message):
    """Every decision gets exactly one of these.

    Attributes:
        decision_id: The message id of the decision.
        accepted: Whether it counts.
        reason: Why, a sentence.
    """

    type: Literal["receipts"] = "receipts"
    request_id: str
    decision_id: str
    accepted: bool
    reason: str

    @property
    def address(self) -> tuple[str, ...]:
        """Heard per request."""
        return (self.request_id,)

    @property
    def message_id(self) -> str:
        """One receipt a decision."""
        return f"receipt.{self.decision_id}"
