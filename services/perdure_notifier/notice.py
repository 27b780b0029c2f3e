"""Notices: what channels have to send to people."""

from pydantic import BaseModel, ConfigDict, Field

from perdure.contracts import (
    Alert,
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
    Severity,
)

__all__ = ["BY_URGENCY", "AwaitsDecision", "Notice"]

AwaitsDecision = ApprovalRequested | ApprovalReminded | ApprovalEscalated
"""Messages that ask people to decide. They are obsolete once the request is decided or has expired."""

BY_URGENCY: tuple[Severity, ...] = ("critical", "high", "normal", "low")


class Notice(BaseModel):
    """One message to be sent to people on one channel, as stored in the channel's outbox.

    The contract ``Notification`` reports what became of a notice.

    Attributes:
        message: The message to send.
        about: The request that the message is about, if the message is not the request and the bus still had it.
        escalations: The people and roles whom the escalations of the request have added so far.
        instead_of: The channel that failed to send the notice before.
    """

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    message: AwaitsDecision | Alert | ApprovalDecided | ApprovalExpired = Field(discriminator="type")
    about: ApprovalRequested | None = None
    escalations: tuple[str, ...] = ()
    instead_of: str | None = None

    @property
    def request(self) -> ApprovalRequested | None:
        """The approval request, if it is known."""
        return self.message if isinstance(self.message, ApprovalRequested) else self.about

    @property
    def severity(self) -> Severity:
        """The severity of the alert or of the request; a word that is not known yet is taken for ``high``."""
        rated = self.message if isinstance(self.message, Alert) else self.request
        if rated is None:
            return "normal"
        return rated.severity if rated.severity in BY_URGENCY else "high"

    @property
    def key(self) -> str:
        """The id of the message: the same on every attempt and every channel."""
        return self.message.message_id

    @property
    def escalated_to(self) -> tuple[str, ...]:
        """People and roles whom escalations have added to those of the request's policy."""
        added = self.message.to if isinstance(self.message, ApprovalEscalated) else ()
        return tuple(dict.fromkeys((*self.escalations, *added)))

    @property
    def is_outcome(self) -> bool:
        """Whether it says how a request was settled: what shows the request is out of date from now on."""
        return isinstance(self.message, ApprovalDecided | ApprovalExpired)

    @property
    def thread(self) -> str:
        """The conversation: the request's id, or the alert's run."""
        return self.message.workflow_id if isinstance(self.message, Alert) else self.message.request_id
