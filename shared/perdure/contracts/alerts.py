"""Alerts: notifications from a run that need no decision."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import JsonValue, PositiveInt

from perdure.contracts.approvals import Severity
from perdure.contracts.instant import Instant
from perdure.contracts.message import Message
from perdure.contracts.open_words import OPEN

__all__ = ["Alert"]


class Alert(Message):
    """A notification from a run that needs no decision; routed by the same rules as approval requests.

    Attributes:
        workflow: Name of the workflow type.
        workflow_id: Temporal's workflow id.
        run_id: Temporal's run id.
        number: Counts the alerts of the run, from 1; above a million are those of a worker about a run that waits for
            mended code.
        title: What happened, in one line.
        details: What a reader needs in order to act, as any JSON.
        severity: How urgent it is.
        roles: Roles that it concerns; routing rules match on them.
        raised_at: When it was raised (UTC).
    """

    type: Literal["alerts"] = "alerts"
    workflow: str
    workflow_id: str
    run_id: str
    number: PositiveInt
    title: str
    details: JsonValue = None
    severity: Annotated[Severity, OPEN] = "normal"
    roles: tuple[str, ...] = ()
    raised_at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """``<workflow>.<workflow id>``."""
        return (self.workflow, self.workflow_id)

    @property
    def occurred_at(self) -> datetime | None:
        """``raised_at``."""
        return self.raised_at

    @property
    def message_id(self) -> str:
        """One for each alert of a run."""
        return f"alert.{self.run_id}.{self.number}"
