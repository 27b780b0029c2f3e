"""What people are to be told on one channel: a message, and the request that it is about."""

from pydantic import BaseModel, ConfigDict, Field

from perdure.contracts import (
    AboutRequest,
    Alert,
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
    Severity,
)

__all__ = ["BY_URGENCY", "Notice", "Told"]

Told = Alert | ApprovalRequested | ApprovalReminded | ApprovalEscalated | ApprovalDecided | ApprovalExpired
"""What the notifier tells people of."""

BY_URGENCY: tuple[Severity, ...] = ("critical", "high", "normal", "low")


class Notice(BaseModel):
    """As it waits in the outbox of a channel.

    Attributes:
        message: What happened.
        about: The request that it is about, if it is not the message itself and the bus still had it.
        instead_of: The channel that was to tell it, and gave up.
    """

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    message: Told = Field(discriminator="type")
    about: ApprovalRequested | None = None
    instead_of: str | None = None

    @property
    def request(self) -> ApprovalRequested | None:
        """The request, if it is known."""
        return self.message if isinstance(self.message, ApprovalRequested) else self.about

    @property
    def severity(self) -> Severity:
        """How much depends on a quick answer."""
        said = self.message if isinstance(self.message, Alert) else self.request
        return said.severity if said else "normal"

    @property
    def key(self) -> str:
        """The same on every try, and on every channel."""
        return self.message.message_id

    @property
    def question(self) -> AboutRequest | None:
        """The message, if it asks for something that may be settled before people are told."""
        match self.message:
            case ApprovalRequested() | ApprovalReminded() | ApprovalEscalated() as question:
                return question
            case _:
                return None

    @property
    def also_asked(self) -> tuple[str, ...]:
        """People and roles that are asked from now on, beside those of the policy."""
        return self.message.to if isinstance(self.message, ApprovalEscalated) else ()

    @property
    def thread(self) -> str:
        """The same for all that belongs together."""
        return self.message.workflow_id if isinstance(self.message, Alert) else self.message.request_id
