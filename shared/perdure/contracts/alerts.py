"""A run tells people something that needs no answer."""

from typing import Literal

from pydantic import JsonValue, PositiveInt

from perdure.contracts.approvals import Severity
from perdure.contracts.instant import Instant
from perdure.contracts.message import Message

__all__ = ["Alert"]


class Alert(Message):
    """People shall know of this; the notifier tells them by the same rules as of approvals.

    Attributes:
        number: Which alert of the run this is, from 1.
        title: What happened, one line.
        details: What one needs to know to do something about it.
        severity: How much depends on somebody's quick look.
        roles: Whom it concerns.
        raised_at: When the run said so (UTC).
    """

    type: Literal["alerts"] = "alerts"
    workflow: str
    workflow_id: str
    run_id: str
    number: PositiveInt
    title: str
    details: JsonValue = None
    severity: Severity = "normal"
    roles: tuple[str, ...] = ()
    raised_at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """Heard per workflow and run."""
        return (self.workflow, self.workflow_id)

    @property
    def message_id(self) -> str:
        """Each alert is a fact of its own."""
        return f"alert.{self.run_id}.{self.number}"
